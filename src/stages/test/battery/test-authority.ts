import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createCertificate } from '../../../formats/x509/create-certificate.ts';
import type { LayerFile } from '../../../runtimes/runtime.ts';

const dayMs = 86_400_000;

let serverKeys: { publicKey: KeyObject; privateKey: KeyObject } | undefined;

/** RSA, which releases before 0.11.14 need for a server; made once, for it takes longer than a check. */
function serverKeyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return (serverKeys ??= generateKeyPairSync('rsa', { modulusLength: 2048 }));
}

/** A certificate authority that lives for one run, and a server's certificate by it: files for the test layer. */
export function createTestAuthority(now: Date): LayerFile[] {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = serverKeyPair();
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
  const key = server.privateKey.export({ type: 'pkcs1', format: 'pem' });
  return [
    file('nodeworthy-test/ca.crt', ca),
    file('nodeworthy-test/server.crt', certificate),
    file('nodeworthy-test/server.key', key.toString()),
  ];
}

function file(path: string, text: string): LayerFile {
  return { path, kind: 'file', mode: 0o644, uid: 0, gid: 0, bytes: Buffer.from(text) };
}
