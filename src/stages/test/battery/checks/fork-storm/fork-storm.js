// More processes than the container may have: each refusal is an error that can be handled, and the first one lives on.
var assert = require('assert');
var help = require('/nodeworthy-test/check.js');
var spawn = require('child_process').spawn;

module.exports = function () {
  var refused = 0;
  var ended = 0;
  var children = [];
  function refuse() {
    refused++;
  }
  function end() {
    ended++;
  }
  // The oldest releases have few threads.
  var count = help.capable('heap-statistics') ? 12 : 45;
  for (var at = 0; at < count; at++) {
    try {
      var child = spawn(process.execPath, ['-e', 'setTimeout(function () {}, 20000)'], { stdio: 'ignore' });
      child.on('error', refuse);
      child.on('exit', end);
      children.push(child);
    } catch (_) {
      refused++;
    }
  }
  // An emulator needs seconds for what a processor does at once.
  var rounds = 0;
  var timer = setInterval(function () {
    if (refused + ended === 0 && rounds++ < 150) return;
    clearInterval(timer);
    var found = refused + ended;
    children.forEach(function (child) {
      child.kill('SIGKILL');
    });
    assert.ok(found > 0, 'the limit of processes is not enforced');
    setTimeout(function () {
      console.log('still here');
      process.exit(0);
    }, 200);
  }, 100);
};
