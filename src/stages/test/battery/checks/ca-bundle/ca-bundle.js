var assert = require('assert');
var crypto = require('crypto');
var fs = require('fs');

var folder = '/etc/ssl/certs';

module.exports = function () {
  assert.equal(process.env.SSL_CERT_FILE, folder + '/ca-certificates.crt');
  var text = fs.readFileSync(process.env.SSL_CERT_FILE, 'binary');
  var bundle = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) || [];
  assert.ok(bundle.length > 100, 'only ' + bundle.length + ' authorities');
  bundle.forEach(requireAuthority);
  var hashed = fs.readdirSync(folder).filter(function (name) {
    return /^[0-9a-f]{8}\.\d+$/.test(name);
  });
  assert.ok(hashed.length >= bundle.length, 'the folder has fewer links than the bundle has authorities');
  hashed.forEach(function (name) {
    requireAuthority(fs.readFileSync(folder + '/' + name, 'binary'));
  });
};

/** Where the release can read certificates, each is read. */
function requireAuthority(pem) {
  assert.ok(/^-----BEGIN CERTIFICATE-----\s+MII/.test(pem), 'an entry is not a certificate');
  if (crypto.X509Certificate) assert.ok(new crypto.X509Certificate(pem).ca, 'an entry is not an authority');
}
