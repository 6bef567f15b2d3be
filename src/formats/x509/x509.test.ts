import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createCertificate } from './create-certificate.ts';
import { pemToDer, subjectHash } from './subject-hash.ts';

const store = '/usr/share/ca-certificates/mozilla';

it('hashes the subject of every real authority as OpenSSL does', () => {
  const names = readdirSync(store);
  expect(names.length).toBeGreaterThan(100);
  for (const name of names) {
    const pem = readFileSync(`${store}/${name}`, 'utf8');
    const expected = execFileSync('openssl', ['x509', '-hash', '-noout', '-in', `${store}/${name}`], {
      encoding: 'utf8',
    }).trim();
    expect(subjectHash(pemToDer(pem) as Buffer), name).toBe(expected);
  }
});

it('makes certificates that OpenSSL and Node.js accept', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = createCertificate({
    commonName: '  Spaced   NAME ',
    publicKey,
    issuer: { commonName: '  Spaced   NAME ', privateKey },
    isAuthority: true,
    dnsNames: ['a.test'],
    notBefore: new Date('2026-01-01'),
    notAfter: new Date('2026-12-31'),
  });
  const parsed = new X509Certificate(pem);
  expect(parsed.ca).toBe(true);
  expect(parsed.verify(publicKey)).toBe(true);
  expect(parsed.subjectAltName).toBe('DNS:a.test');
  expect(subjectHash(pemToDer(pem) as Buffer)).toBe(
    execFileSync('openssl', ['x509', '-hash', '-noout'], { input: pem, encoding: 'utf8' }).trim(),
  );
});
