// The line of OpenSSL, ciphers and protocols that the release promises, and the legacy provider only for who asks.
var assert = require('assert');
var crypto = require('crypto');
var tls = require('tls');
var help = require('/nodeworthy-test/check.js');

module.exports = function (done) {
  var line = process.env.EXPECTED_OPENSSL;
  assert.equal(process.versions.openssl.indexOf(line), 0, 'OpenSSL is ' + process.versions.openssl + ', not ' + line);
  var ciphers = tls.DEFAULT_CIPHERS || '';
  // Before OpenSSL 1.1 the triple DES of old clients was on; Node.js left it there until those lines ended.
  var weak = help.capable('tls-1.3') ? /(?:^|:)(?:RC4|DES|NULL|EXPORT|aNULL)/ : /(?:^|:)(?:NULL|EXPORT|aNULL)/;
  assert.ok(!weak.test(ciphers), 'a weak cipher is on by default: ' + ciphers);
  if (help.capable('tls-1.3'))
    assert.equal(
      ciphers.indexOf('TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:'),
      0,
      'the ciphers of TLS 1.3 do not come first: ' + ciphers
    );
  if (help.capable('default-tls-1.2')) assert.equal(tls.DEFAULT_MIN_VERSION, 'TLSv1.2');
  if (help.capable('gcm-ciphers')) assert.ok(crypto.getCiphers().indexOf('aes-256-gcm') >= 0);
  if (!help.capable('openssl-providers')) return done();
  var hash = 'console.log(require("crypto").createHash("md4").update("a").digest("hex"))';
  help.node(['-e', hash], {}, function (plain) {
    assert.notEqual(plain.code, 0, 'MD4 works without being asked for');
    help.node(['--openssl-legacy-provider', '-e', hash], {}, function (legacy) {
      assert.equal(legacy.stdout.trim(), 'bde52cb31de33e46245e05fbdbd6fb24', 'the legacy provider');
      done();
    });
  });
};
