import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

const folder = '/etc/ssl/certs';
assert.equal(process.env.SSL_CERT_FILE, `${folder}/ca-certificates.crt`);
const bundle =
  readFileSync(process.env.SSL_CERT_FILE, 'latin1').match(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g,
  ) ?? [];
assert.ok(bundle.length > 100, `only ${bundle.length} authorities`);
for (const pem of bundle) assert.ok(new X509Certificate(pem).ca, 'an entry is no authority');
const hashed = readdirSync(folder).filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name));
assert.ok(hashed.length >= bundle.length, 'the folder has fewer links than the bundle has authorities');
for (const name of hashed) new X509Certificate(readFileSync(`${folder}/${name}`));
