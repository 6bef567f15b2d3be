const assert = require('assert');
const crypto = require('crypto');

module.exports = () => {
  for (const [type, options, algorithm] of [
    ['ed25519', {}, null],
    ['ec', { namedCurve: 'P-256' }, 'sha256'],
    ['rsa', { modulusLength: 1024 }, 'sha256'],
  ]) {
    const { privateKey, publicKey } = crypto.generateKeyPairSync(type, options);
    const signature = crypto.sign(algorithm, Buffer.from('text'), privateKey);
    assert.ok(crypto.verify(algorithm, Buffer.from('text'), publicKey, signature), type);
    assert.ok(!crypto.verify(algorithm, Buffer.from('other'), publicKey, signature), `${type} accepts anything`);
  }
  assert.strictEqual(crypto.scryptSync('password', 'salt', 32, { N: 1024 }).length, 32);
};
