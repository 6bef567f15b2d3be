var assert = require('assert');
var fs = require('fs');

module.exports = function () {
  var release = process.env.EXPECTED_RELEASE;
  assert.equal(
    process.version,
    'v' + release,
    'the binary says that it is ' + process.version + ', and not ' + release
  );
  assert.equal(process.env.NODE_VERSION, release, 'NODE_VERSION of the image');
  assert.equal(process.execPath, '/usr/local/bin/node');
  var licence = fs.readFileSync('/usr/local/share/doc/node/LICENSE', 'utf8');
  assert.ok(/Node(?:\.js)?(?:'s license| is licensed)/.test(licence), 'the licence is not that of Node.js');
  // A base of somebody else has no suite that we could expect.
  var system = process.env.EXPECTED_SUITE ? fs.readFileSync('/etc/os-release', 'utf8') : '';
  assert.ok(
    !process.env.EXPECTED_SUITE || system.indexOf('VERSION_CODENAME=' + process.env.EXPECTED_SUITE) >= 0,
    '/etc/os-release is not of ' + process.env.EXPECTED_SUITE
  );
  // For the bill of materials: what this very binary says that it is made of.
  console.log('process.versions ' + JSON.stringify(process.versions));
};
