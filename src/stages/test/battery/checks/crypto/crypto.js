var assert = require('assert');
var crypto = require('crypto');
var fs = require('fs');
var capable = require('/nodeworthy-test/check.js').capable;

module.exports = function () {
  assert.equal(
    crypto.createHash('sha256').update('abc').digest('hex'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  );
  assert.equal(
    crypto.createHmac('sha256', 'key').update('abc').digest('hex'),
    '9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab'
  );
  var mode = capable('gcm-ciphers') ? 'aes-256-gcm' : 'aes-256-cbc';
  var key = crypto.randomBytes(32);
  var nonce = crypto.randomBytes(mode === 'aes-256-gcm' ? 12 : 16);
  var sealer = crypto.createCipheriv(mode, key, nonce);
  var sealed = [sealer.update('secret', 'utf8', 'hex'), sealer.final('hex')].join('');
  var opener = crypto.createDecipheriv(mode, key, nonce);
  if (mode === 'aes-256-gcm') opener.setAuthTag(sealer.getAuthTag());
  assert.equal(opener.update(sealed, 'hex', 'utf8') + opener.final('utf8'), 'secret');
  var signature = crypto
    .createSign('RSA-SHA256')
    .update('text')
    .sign(fs.readFileSync('/nodeworthy-test/server.key', 'utf8'));
  var certificate = fs.readFileSync('/nodeworthy-test/server.crt', 'utf8');
  assert.ok(crypto.createVerify('RSA-SHA256').update('text').verify(certificate, signature), 'a signature');
  assert.ok(!crypto.createVerify('RSA-SHA256').update('other').verify(certificate, signature), 'accepts anything');
};
