import { generateKeyPairSync } from 'node:crypto';
import { createCertificate } from '../../../formats/x509/create-certificate.ts';
import type { LayerFile } from '../../../runtimes/runtime.ts';

const dayMs = 86_400_000;

/** A certificate authority that lives for one run, and a server's certificate by it: files for the test layer. */
export function createTestAuthority(now: Date): LayerFile[] {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const validity = { notBefore: new Date(now.getTime() - dayMs), notAfter: new Date(now.getTime() + 30 * dayMs) };
  const issuer = { commonName: 'Nodeworthy Test Authority', privateKey: authority.privateKey };
  const ca = createCertificate({
    ...validity,
    commonName: issuer.commonName,
    publicKey: authority.publicKey,
    issuer,
    isAuthority: true,
  });
  const certificate = createCertificate({
    ...validity,
    commonName: 'localhost',
    publicKey: server.publicKey,
    issuer,
    isAuthority: false,
    dnsNames: ['localhost'],
  });
  const key = server.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return [
    file('nodeworthy-test/ca.crt', ca),
    file('nodeworthy-test/server.crt', certificate),
    file('nodeworthy-test/server.key', key.toString()),
  ];
}

function file(path: string, text: string): LayerFile {
  return { path, kind: 'file', mode: 0o644, uid: 0, gid: 0, bytes: Buffer.from(text) };
}
