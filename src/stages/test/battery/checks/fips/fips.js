// The binary is not a FIPS build: it must neither say so nor run with the switch as if it were one.
var assert = require('assert');
var crypto = require('crypto');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  var isOn = crypto.getFips ? crypto.getFips() : crypto.fips;
  assert.ok(!isOn, 'FIPS mode is on, and no evidence of a validated module is in the image');
  var code = 'var c = require("crypto"); console.log("fips " + (c.getFips ? c.getFips() : c.fips))';
  help.node(['--force-fips', '-e', code], {}, function (result) {
    // A release that does not know the switch says that there is nothing.
    assert.ok(
      !/fips (?:\d|true|false)/.test(result.stdout),
      '--force-fips is taken although there is no FIPS provider'
    );
    done();
  });
};
