var assert = require('assert');
var fs = require('fs');

module.exports = function () {
  assert.equal(process.version, 'v' + process.env.EXPECTED_RELEASE, 'the binary is of another release than the cell');
  assert.equal(process.env.NODE_VERSION, process.env.EXPECTED_RELEASE, 'NODE_VERSION of the image');
  assert.equal(process.execPath, '/usr/local/bin/node');
  var licence = fs.readFileSync('/usr/local/share/doc/node/LICENSE', 'utf8');
  assert.ok(/Node(?:\.js)?(?:'s license| is licensed)/.test(licence), 'the licence is not that of Node.js');
  // A base of somebody else has no suite that we could expect.
  var release = process.env.EXPECTED_SUITE ? fs.readFileSync('/etc/os-release', 'utf8') : '';
  assert.ok(
    !process.env.EXPECTED_SUITE || release.indexOf('VERSION_CODENAME=' + process.env.EXPECTED_SUITE) >= 0,
    '/etc/os-release is not of ' + process.env.EXPECTED_SUITE
  );
  // For the bill of materials: what this very binary says that it is made of.
  console.log('process.versions ' + JSON.stringify(process.versions));
};
