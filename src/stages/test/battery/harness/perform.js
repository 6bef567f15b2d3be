// Performs one check, and calls back once: with what went wrong, or with nothing. A check is a function that takes a
// callback, or takes none and may return a promise. What it throws later, in a callback of its own, counts as well.
module.exports = function perform(script, timeoutMs, done) {
  var isDone = false;
  function finish(error) {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    process.removeListener('uncaughtException', finish);
    done(error);
  }
  var timer = setTimeout(function () {
    finish(new Error('did not end within ' + timeoutMs / 1000 + ' s'));
  }, timeoutMs);
  process.on('uncaughtException', finish);
  try {
    var check = require('/nodeworthy-test/' + script);
    if (check.length > 0) return check(finish);
    var promise = check();
    if (promise && promise.then) promise.then(finish.bind(null, undefined), finish);
    else finish();
  } catch (error) {
    finish(error);
  }
};
