// SIGUSR2 belongs to the application, and ends a process that does not want it.
var assert = require('assert');
var spawn = require('child_process').spawn;

module.exports = function (done) {
  send('process.on("SIGUSR2", function () { console.log("got it"); process.exit(0); })', function (text) {
    assert.ok(/got it/.test(text), 'SIGUSR2 cannot be handled');
    send('0', function (_, signal) {
      assert.equal(signal, 'SIGUSR2', 'SIGUSR2 does not end a process without a handler');
      done();
    });
  });
};

function send(code, then) {
  var script = code + '; setInterval(function () {}, 1000); console.log("ready")';
  var child = spawn(process.execPath, ['-e', script]);
  var text = '';
  var isSent = false;
  child.stdout.on('data', function (chunk) {
    text += chunk;
    if (isSent || text.indexOf('ready') < 0) return;
    isSent = true;
    child.kill('SIGUSR2');
  });
  var ended;
  child.on('exit', function (_, signal) {
    ended = signal;
  });
  child.on('close', function () {
    then(text, ended);
  });
}
