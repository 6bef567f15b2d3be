// A child leaves a grandchild behind; when that one ends, the init must take it away.
var assert = require('assert');
var fs = require('fs');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  var code =
    'var c = require("child_process").spawn(process.execPath, ["-e", "setTimeout(function () {}, 60)"], { detached: true, stdio: "ignore" }); console.log(c.pid); process.exit(0)';
  assert.equal(fs.readFileSync('/proc/1/comm', 'utf8').trim(), 'tini', 'process 1 is not an init');
  help.node(['-e', code], {}, function (result) {
    var orphan = result.stdout.trim();
    assert.ok(/^\d+$/.test(orphan), 'the child printed ' + orphan + result.stderr);
    var deadline = Date.now() + 5000;
    (function look() {
      if (fs.readdirSync('/proc').indexOf(orphan) < 0) return done();
      assert.ok(Date.now() < deadline, 'process ' + orphan + ' was not reaped');
      setTimeout(look, 10);
    })();
  });
};
