var assert = require('assert');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  help.node(['-e', 'Promise.reject(new Error("x"))'], {}, function (result) {
    assert.equal(result.code, 1, 'an unhandled rejection does not end the process');
    done();
  });
};
