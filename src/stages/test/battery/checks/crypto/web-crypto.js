const assert = require('assert');
const { webcrypto } = require('crypto');

module.exports = async () => {
  const digest = Buffer.from(await webcrypto.subtle.digest('SHA-256', Buffer.from('abc')));
  assert.strictEqual(digest.toString('hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
};
