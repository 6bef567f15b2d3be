// The settings of the image must not make the release complain: a line on stderr at each start hides the real ones.
var assert = require('assert');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  help.node(['-e', '0'], {}, function (result) {
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stdout + result.stderr, '', 'Node.js says at its start: ' + result.stdout + result.stderr);
    done();
  });
};
