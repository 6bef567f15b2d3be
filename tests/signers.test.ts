// Each way to sign, held to one set of cases: what comes out is a bundle that is believed.
import { createPublicKey, createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fulcioHandler, initializeCA, initializeCTLog, initializeTLog, rekorHandler } from '@sigstore/mock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../src/core/digest.ts';
import { isFailure } from '../src/core/errors.ts';
import { bundleBytes, keyHint } from '../src/formats/attestation/bundle.ts';
import { statementBytes } from '../src/formats/attestation/statement.ts';
import { openSigner } from '../src/signers/open-signer.ts';
import { judgeBundle } from '../src/trust/judge-bundle.ts';
import type { TrustedSigner } from '../src/trust/trust-policy.ts';
import { keyEnvironment, passphrase } from './support/certified.ts';
import { runCli } from './support/cli.ts';
import { serve } from './support/http-server.ts';
import { run } from './support/matrix.ts';
import { temporaryFolder } from './support/workspace.ts';

const subject = digestOf('image');
const statement = statementBytes({ kind: 'signature', name: 'acme', subject, predicate: {} });
const closers: (() => Promise<void>)[] = [];
let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const made = await runCli(['keys', 'create', 'release'], { cwd: folder, env: keyEnvironment });
  expect(made.exitCode, made.stderr).toBe(0);
});
afterAll(async () => {
  for (const close of closers) await close();
});

const ports = (env: Record<string, string> = {}) => ({
  folder,
  env: { ...process.env, ...env },
  signal: new AbortController().signal,
});

async function trusted(): Promise<TrustedSigner> {
  const key = createPublicKey(await readFile(join(folder, 'release.pub')));
  return { name: 'release', identity: { kind: 'key', key, hint: keyHint(key) }, states: ['evidence'], roles: [] };
}

async function judge(bytes: Buffer, signer: TrustedSigner): Promise<string> {
  const trust = { signers: [signer], digest: digestOf('trust') };
  const judged = await judgeBundle(bytes, { subject, trust, now: new Date() });
  return judged.believed ? `believed ${judged.statement.signer.name}` : judged.problem;
}

/** A key service as clouds have them: it gets a digest, and signs it with openssl. */
async function startKeyService(answer?: (digest: Buffer) => Promise<string>) {
  const service = await serve((request, response, body) => {
    void (async () => {
      if (request.headers.authorization !== 'Bearer secret') return response.writeHead(401).end();
      const { algorithm, digest } = JSON.parse(body.toString()) as { algorithm: string; digest: string };
      expect(algorithm).toBe('ecdsa-p256-sha256');
      const file = join(folder, `digest-${createHash('md5').update(digest).digest('hex')}`);
      await writeFile(file, Buffer.from(digest, 'base64'));
      const signature = answer
        ? await answer(Buffer.from(digest, 'base64'))
        : await run('sh', [
            '-c',
            `openssl pkeyutl -sign -inkey "${folder}/release.key" -passin "pass:${passphrase}" -in "${file}" | base64 -w0`,
          ]);
      response.end(JSON.stringify({ signature }));
    })();
  });
  closers.push(() => service.close());
  return `http://${service.host}/sign`;
}

describe('a key', () => {
  it('is standard PEM that openssl opens with the passphrase, for its owner alone', async () => {
    const text = await readFile(join(folder, 'release.key'), 'utf8');
    expect(text).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    expect((await stat(join(folder, 'release.key'))).mode & 0o777).toBe(0o600);
    const described = await run('openssl', [
      'pkey',
      '-in',
      join(folder, 'release.key'),
      '-passin',
      `pass:${passphrase}`,
      '-text',
      '-noout',
    ]);
    expect(described).toContain('prime256v1');
    const shown = await runCli(['keys', 'show', 'release.pub', '--json'], { cwd: folder });
    expect((JSON.parse(shown.stdout) as { hint: string }).hint).toBe(
      keyHint(createPublicKey(await readFile(join(folder, 'release.pub')))),
    );
  });

  it.each([
    ['that exists', ['create', 'release'], keyEnvironment, 12, 'exists already'],
    ['without a passphrase', ['create', 'other'], { NODEWORTHY_PASSPHRASE: undefined }, 13, 'there is no passphrase'],
    ['with an empty passphrase', ['create', 'other'], { NODEWORTHY_PASSPHRASE: '' }, 13, 'the passphrase is empty'],
    ['with a path for a name', ['create', '../other'], keyEnvironment, 2, 'is no name for a key'],
    ['without a name', ['create'], keyEnvironment, 2, 'say what to do'],
    ['that is no key', ['show', 'nonsense.pub'], {}, 13, 'holds no public key'],
    ['of another curve', ['show', 'p384.pub'], {}, 13, 'is no ECDSA key on the curve P-256'],
    ['that is not there', ['show', 'nothing.pub'], {}, 13, 'there is no key'],
  ])('%s is refused', async (_, args, env, exitCode, message) => {
    await writeFile(join(folder, 'nonsense.pub'), 'nonsense');
    await run('sh', [
      '-c',
      `openssl ecparam -name secp384r1 -genkey -noout | openssl ec -pubout -out "${folder}/p384.pub" 2>/dev/null`,
    ]);
    const refused = await runCli(['keys', ...args], { cwd: folder, env });
    expect(refused).toMatchObject({ exitCode, stderr: expect.stringContaining(message) as string });
    expect(refused.stderr).toContain('hint: ');
    expect(refused.stderr).not.toContain('    at ');
  });
});

describe('signing', () => {
  it('with a key in a file', async () => {
    const signer = await openSigner({ key: 'release.key' }, ports(keyEnvironment));
    expect(await judge(bundleBytes(await signer.sign(statement)), await trusted())).toBe('believed release');
  });

  it('with a key in a file and the passphrase in another', async () => {
    await writeFile(join(folder, 'passphrase'), `${passphrase}\n`);
    const signer = await openSigner(
      { key: 'release.key' },
      ports({ NODEWORTHY_PASSPHRASE_FILE: join(folder, 'passphrase') }),
    );
    expect(await judge(bundleBytes(await signer.sign(statement)), await trusted())).toBe('believed release');
  });

  it('with a program that has the key', async () => {
    const program = `#!/bin/sh\nexec openssl dgst -sha256 -sign "${folder}/release.key" -passin "pass:${passphrase}" | base64 -w0\n`;
    await writeFile(join(folder, 'sign.sh'), program);
    await chmod(join(folder, 'sign.sh'), 0o755);
    const signer = await openSigner({ command: ['./sign.sh'], publicKey: 'release.pub' }, ports());
    expect(await judge(bundleBytes(await signer.sign(statement)), await trusted())).toBe('believed release');
  });

  it('with a key service', async () => {
    const signer = await openSigner(
      { url: await startKeyService(), publicKey: 'release.pub' },
      ports({ NODEWORTHY_SIGNER_TOKEN: 'secret' }),
    );
    expect(await judge(bundleBytes(await signer.sign(statement)), await trusted())).toBe('believed release');
    await signer.close();
  });

  it.each([
    ['a program that fails', ['sh', '-c', 'echo no card >&2; exit 3'], 'ended with 3: no card'],
    ['a program that prints nonsense', ['sh', '-c', 'echo "what?"'], 'printed no base64'],
    ['a program that is not there', ['./nothing'], 'cannot be started'],
    [
      'a program that signs something else',
      ['sh', '-c', 'cat >/dev/null; echo MEUCIQ=='],
      'its public key does not verify',
    ],
  ])('with %s says so', async (_, command, message) => {
    const signer = await openSigner({ command, publicKey: 'release.pub' }, ports());
    await expect(signer.sign(statement)).rejects.toSatisfy(
      (error: unknown) => isFailure(error, 'SIGNER_FAILED') && error.message.includes(message),
    );
  });

  it('with a key service that refuses, or gives another signature, says so', async () => {
    const url = await startKeyService(async () => 'MEUCIQ==');
    const refused = await openSigner({ url, publicKey: 'release.pub' }, ports({ NODEWORTHY_SIGNER_TOKEN: 'wrong' }));
    await expect(refused.sign(statement)).rejects.toSatisfy(
      (error: unknown) => isFailure(error, 'SIGNER_FAILED') && error.message.includes('answered 401'),
    );
    const wrong = await openSigner({ url, publicKey: 'release.pub' }, ports({ NODEWORTHY_SIGNER_TOKEN: 'secret' }));
    await expect(wrong.sign(statement)).rejects.toSatisfy(
      (error: unknown) => isFailure(error, 'SIGNER_FAILED') && error.message.includes('does not verify'),
    );
    await refused.close();
    await wrong.close();
  });
});

describe('keyless signing', () => {
  const identity = 'builder@example.com';
  const issuer = 'https://login.example.com';
  let urls: { fulcio: string; rekor: string };
  let trustedRoot: string;

  beforeAll(async () => {
    const pair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const ctlog = await initializeCTLog(pair());
    const ca = await initializeCA(pair(), ctlog);
    const start = async (handler: {
      path: string;
      fn: (body: string) => Promise<{ statusCode: number; response: string | Buffer; contentType?: string }>;
    }) => {
      const server = await serve((request, response, body) => {
        if (request.method !== 'POST' || request.url !== handler.path) return response.writeHead(404).end();
        void handler.fn(body.toString()).then(({ statusCode, response: text, contentType }) => {
          response.writeHead(statusCode, { 'content-type': contentType ?? 'application/json' });
          response.end(text);
        });
      });
      closers.push(() => server.close());
      return `http://${server.host}`;
    };
    const fulcio = await start(fulcioHandler(ca) as never);
    const tlog = await initializeTLog('http://127.0.0.1', pair());
    const rekor = await start(rekorHandler(tlog) as never);
    urls = { fulcio, rekor };
    const long = { start: '2020-01-01T00:00:00Z' };
    const logOf = (key: Buffer) => ({
      baseUrl: rekor,
      hashAlgorithm: 'SHA2_256',
      publicKey: { rawBytes: key.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: long },
      logId: { keyId: createHash('sha256').update(key).digest('base64') },
    });
    trustedRoot = JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [logOf(tlog.publicKey)],
      certificateAuthorities: [
        {
          subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
          uri: fulcio,
          certChain: {
            certificates: [{ rawBytes: Buffer.from(ca.rootCertificate as unknown as ArrayBuffer).toString('base64') }],
          },
          validFor: long,
        },
      ],
      ctlogs: [
        {
          ...logOf(ctlog.publicKey),
          logId: { keyId: Buffer.from(ctlog.logID as unknown as ArrayBuffer).toString('base64') },
        },
      ],
      timestampAuthorities: [],
    });
  });

  const token = (claims: object): string =>
    ['{}', JSON.stringify(claims), ''].map((part) => Buffer.from(part).toString('base64url')).join('.');
  const env = () => ({
    NODEWORTHY_IDENTITY_TOKEN: token({ sub: identity, iss: issuer, email: identity, email_verified: true }),
  });
  const byIdentity = (subjectName: string, by = issuer): TrustedSigner => ({
    name: 'builder',
    identity: { kind: 'certificate', issuer: by, subject: subjectName, trustedRoot },
    states: ['evidence'],
    roles: [],
  });

  it('gives a bundle with a certificate and a log entry, which is believed for this identity alone', async () => {
    const signer = await openSigner({ keyless: urls }, ports(env()));
    const bundle = await signer.sign(statement);
    expect(bundle.verificationMaterial.certificate).toBeDefined();
    expect(bundle.verificationMaterial.tlogEntries).toHaveLength(1);
    const { rawBytes = '' } = bundle.verificationMaterial.certificate ?? {};
    const { subjectAltName } = new X509Certificate(Buffer.from(rawBytes, 'base64'));
    expect(subjectAltName).toContain(identity);
    const [name, by] = [identity, issuer];
    expect(await judge(bundleBytes(bundle), byIdentity(name, by))).toBe('believed builder');
    expect(await judge(bundleBytes(bundle), byIdentity('somebody@example.com', by))).toContain(
      'its certificate is not trusted',
    );
    expect(await judge(bundleBytes(bundle), byIdentity(name, 'https://other.example.com'))).toContain(
      'its certificate is not trusted',
    );
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString().replace('acme', 'evil');
    const tampered = {
      ...bundle,
      dsseEnvelope: { ...bundle.dsseEnvelope, payload: Buffer.from(payload).toString('base64') },
    };
    expect(await judge(bundleBytes(tampered), byIdentity(name, by))).toContain('its certificate is not trusted');
    const unlogged = { ...bundle, verificationMaterial: { ...bundle.verificationMaterial, tlogEntries: [] } };
    expect(await judge(bundleBytes(unlogged), byIdentity(name, by))).toContain('its certificate is not trusted');
  });

  it('needs a token, and servers that answer', async () => {
    const without = await openSigner({ keyless: urls }, ports());
    await expect(without.sign(statement)).rejects.toSatisfy((error: unknown) => isFailure(error, 'SIGNER_FAILED'));
    const nobody = await openSigner(
      { keyless: { fulcio: 'http://127.0.0.1:1', rekor: 'http://127.0.0.1:1' } },
      ports(env()),
    );
    await expect(nobody.sign(statement)).rejects.toSatisfy((error: unknown) => isFailure(error, 'SIGNER_FAILED'));
  }, 60_000);
});
