var assert = require('assert');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  help.run('corepack', ['--version'], {}, function (result) {
    assert.equal(result.code, 0, 'corepack does not run: ' + result.stderr);
    assert.ok(/^\d+\.\d+\.\d+/.test(result.stdout), 'corepack says ' + result.stdout);
    done();
  });
};
