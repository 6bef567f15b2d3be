// Ciphers as Node.js sets them, old protocols refused, and the legacy provider only for whoever asks.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { getCiphers } from 'node:crypto';
import tls from 'node:tls';

assert.match(tls.DEFAULT_CIPHERS, /^TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:/);
assert.doesNotMatch(tls.DEFAULT_CIPHERS, /(?:^|:)(?:RC4|DES|NULL|EXPORT|aNULL)/, 'a weak cipher is on by default');
assert.equal(tls.DEFAULT_MIN_VERSION, 'TLSv1.2');
assert.ok(getCiphers().includes('aes-256-gcm') && getCiphers().includes('chacha20-poly1305'));
const md4 = (...flags) =>
  spawnSync(process.execPath, [...flags, '-p', 'require("crypto").createHash("md4").update("a").digest("hex")'], {
    encoding: 'utf8',
  });
assert.notEqual(md4().status, 0, 'MD4 works without being asked for');
assert.equal(md4('--openssl-legacy-provider').stdout.trim(), 'bde52cb31de33e46245e05fbdbd6fb24', 'the legacy provider');
