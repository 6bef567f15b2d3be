var assert = require('assert');
var fs = require('fs');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  assert.ok(fs.existsSync('/usr/share/zoneinfo/Europe/Berlin'), 'zone files for native code');
  assert.equal(fs.readFileSync('/etc/localtime').toString('binary', 0, 4), 'TZif', '/etc/localtime');
  var hours = 'console.log(new Date(1782907200000).getHours())';
  help.node(['-e', hours], { env: { TZ: 'Australia/Sydney' } }, function (result) {
    assert.equal(result.stdout.trim(), '22', 'TZ is not honoured: ' + result.stdout + result.stderr);
    if (process.env.EXPECTED_ZONE !== 'UTC') return done();
    help.node(['-e', hours], {}, function (plain) {
      assert.equal(plain.stdout.trim(), '12', 'the default time zone is not UTC: ' + plain.stdout + plain.stderr);
      done();
    });
  });
};
