var assert = require('assert');
var fs = require('fs');

module.exports = function () {
  var ids = process.env.EXPECTED_USER.split(':').map(Number);
  assert.equal(process.getuid(), ids[0]);
  assert.equal(process.getgid(), ids[1]);
  if (process.env.EXPECTED_VARIANT !== 'build') assert.notEqual(ids[0], 0, 'runs as root');
  ['/app', '/home/node', '/var/diagnostics', '/tmp'].forEach(function (folder) {
    var made = folder + '/check-' + process.pid;
    fs.mkdirSync(made);
    fs.writeFileSync(made + '/file', 'x');
    fs.unlinkSync(made + '/file');
    fs.rmdirSync(made);
  });
  // Root without capabilities is still the owner of what root owns.
  if (ids[0] === 0) return;
  ['/usr/local/bin/node', '/etc/passwd', '/etc/ssl/certs/ca-certificates.crt'].forEach(function (file) {
    if (!fs.existsSync(file)) return;
    assert.throws(
      function () {
        fs.openSync(file, 'r+');
      },
      function (error) {
        return /EACCES|EROFS|ETXTBSY/.test(error.code);
      },
      file + ' can be written'
    );
  });
};
