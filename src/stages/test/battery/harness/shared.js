// Runs the shared checks one after the other in this process, or in a child where a check wants other variables.
var fs = require('fs');
var help = require('./check.js');
var perform = require('./perform.js');

var only = JSON.parse(process.env.ONLY);
delete process.env.ONLY;
var checks = JSON.parse(fs.readFileSync('/nodeworthy-test/shared.json', 'utf8')).filter(function (check) {
  return only.indexOf(check.id) >= 0;
});
var writeOut = process.stdout.write;
var writeError = process.stderr.write;

next();

function next() {
  var check = checks.shift();
  if (!check) return process.exit(0);
  var output = '';
  var started = Date.now();
  // What a check that crashes the engine was, when nothing more comes.
  report('@@nodeworthy-begin ', { id: check.id });
  process.stdout.write = process.stderr.write = function (chunk) {
    output += chunk;
    return true;
  };
  if (check.env) inChild(check, finish);
  else perform(check.script, check.timeoutMs || 20000, finish);

  function finish(error, text) {
    process.stdout.write = writeOut;
    process.stderr.write = writeError;
    var result = { id: check.id, ms: Date.now() - started, output: (output + (text || '')).slice(0, 16384) };
    if (error) result.error = String((error && error.message) || error);
    report('@@nodeworthy-case ', result);
    setTimeout(next, 0);
  }
}

/** At once and whole, also when the next check ends the process. */
function report(marker, value) {
  var bytes = help.bytes('\n' + marker + JSON.stringify(value) + '\n');
  var at = 0;
  while (at < bytes.length) {
    try {
      at += fs.writeSync(1, bytes, at, bytes.length - at, null);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

function inChild(check, done) {
  help.node(
    ['/nodeworthy-test/run-check.js', check.script],
    { env: check.env, timeoutMs: check.timeoutMs || 20000 },
    function (result) {
      var failed = result.code !== 0;
      done(failed ? new Error('exit code ' + result.code + ': ' + result.stderr) : undefined, result.stdout);
    }
  );
}
