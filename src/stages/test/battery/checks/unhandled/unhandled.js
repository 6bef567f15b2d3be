var assert = require('assert');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  help.node(['-e', 'throw new Error("x")'], {}, function (thrown) {
    // Releases before 0.12 ended with numbers of their own.
    assert.ok(help.capable('exit-code') ? thrown.code === 1 : thrown.code > 0, 'an uncaught exception: ' + thrown.code);
    if (!help.capable('exit-code')) return done();
    help.node(['-e', 'process.exitCode = 9'], {}, function (result) {
      assert.equal(result.code, 9, 'the exit code of the process');
      done();
    });
  });
};
