import assert from 'node:assert/strict';
import crypto from 'node:crypto';

assert.equal(
  crypto.createHash('sha256').update('abc').digest('hex'),
  'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
);
const key = crypto.randomBytes(32);
const nonce = crypto.randomBytes(12);
const sealer = crypto.createCipheriv('aes-256-gcm', key, nonce);
const sealed = Buffer.concat([sealer.update('secret'), sealer.final()]);
const opener = crypto.createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(sealer.getAuthTag());
assert.equal(Buffer.concat([opener.update(sealed), opener.final()]).toString(), 'secret');
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
assert.equal(crypto.scryptSync('password', 'salt', 32, { N: 1024 }).length, 32);
assert.equal((await crypto.subtle.digest('SHA-512', Buffer.from('abc'))).byteLength, 64);
