// From a tested image to a certificate that others believe: people, registries, verifiers of others.
import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../src/core/canonical-json.ts';
import { exec } from '../src/core/exec.ts';
import type { Digest } from '../src/core/digest.ts';
import { readEvidence } from '../src/evidence/evidence-store.ts';
import { preAuthEncoding } from '../src/formats/attestation/dsse.ts';
import { predicateTypes } from '../src/formats/attestation/predicates.ts';
import { openRegistryStore, type RegistryStore } from '../src/store/registry/registry-store.ts';
import {
  ask,
  author,
  certifiedWorkspace,
  commitAll,
  failedChecks,
  keyEnvironment,
  type Cells,
  type Verified,
} from './support/certified.ts';
import { runCli } from './support/cli.ts';
import { obtainCosign } from './support/cosign.ts';
import { startRegistry, type Daemon } from './support/daemons.ts';
import { run } from './support/matrix.ts';
import { temporaryFolder } from './support/workspace.ts';

let registry: Daemon;
let repository: string;
let cwd: string;
let store: RegistryStore;
/** The index and its only platform. */
let index: Digest;
let platform: Digest;
/** Whatever the newest release of the line is called. */
let cell: string;

beforeAll(async () => {
  registry = await startRegistry();
  repository = `${registry.address}/acme/node`;
  cwd = await certifiedWorkspace({ repository });
  store = openRegistryStore({ repository, env: {}, signal: new AbortController().signal, report: () => {} });
}, 300_000);
afterAll(async () => {
  await store.close();
  await registry.stop();
});

const approve = (key: string, more: readonly string[] = []) =>
  runCli(['approve', cell, '--key', `keys/${key}.key`, '--reason', 'looked at it', '--quiet', ...more], {
    cwd,
    env: keyEnvironment,
  });

/** Takes statements out of the list of a registry without the referrers API, as anybody who may push can. */
async function dropFromStore(digest: Digest, predicateType: string): Promise<void> {
  const gone = (await readEvidence(store, digest)).filter(({ manifestBytes }) =>
    manifestBytes.toString().includes(predicateType),
  );
  expect(gone.length).toBeGreaterThan(0);
  const path = join(cwd, '.nodeworthy/store/index.json');
  const before = JSON.parse(await readFile(path, 'utf8')) as { manifests: { digest: string }[] };
  const manifests = before.manifests.filter((entry) => gone.every(({ manifest }) => manifest.digest !== entry.digest));
  await writeFile(path, JSON.stringify({ ...before, manifests }));
}

async function dropFromRegistry(digest: Digest, predicateType: string): Promise<void> {
  const address = `http://${repository.replace('/', '/v2/')}/manifests/${digest.replace(':', '-')}`;
  const headers = {
    accept: 'application/vnd.oci.image.index.v1+json',
    'content-type': 'application/vnd.oci.image.index.v1+json',
  };
  const list = (await (await fetch(address, { headers })).json()) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  const manifests = list.manifests.filter(
    ({ annotations }) => annotations?.['dev.sigstore.bundle.predicateType'] !== predicateType,
  );
  expect(manifests.length).toBeLessThan(list.manifests.length);
  await fetch(address, { method: 'PUT', headers, body: JSON.stringify({ ...list, manifests }) });
}

describe('an image that waits for people', () => {
  it('has no tag anywhere, and says what it waits for', async () => {
    const { exitCode, json } = await ask<Cells>(cwd, ['run']);
    expect(exitCode).toBe(15);
    expect(json.cells).toMatchObject([{ outcome: 'waiting', tags: [] }]);
    expect(json.cells[0]?.reason).toContain('approvals: has 0 of 1 approvals, 0 of 1 by security');
    cell = String(json.cells[0]?.id);
    index = json.cells[0]?.digest as Digest;
    platform = json.cells[0]?.platforms[0]?.digest as Digest;
    expect(await store.listTags()).toEqual([]);
    const skopeo = await run('skopeo', ['list-tags', `oci:${cwd}/.nodeworthy/store`]).catch(() => '');
    expect(skopeo).not.toContain(cell);
  });

  it('is listed with all that an approver needs, as text and as a page', async () => {
    const { json } = await ask<{ images: { cell: string; digest: string; evidence: unknown[]; author: string }[] }>(
      cwd,
      ['pending', '--html', 'pending.html'],
    );
    expect(json.images).toMatchObject([{ cell, digest: index, author: 'alice@example.com' }]);
    expect(json.images[0]?.evidence.length).toBeGreaterThan(5);
    const page = await readFile(join(cwd, 'pending.html'), 'utf8');
    expect(page).toContain(index);
    expect(page).toContain('nodeworthy approve');
    expect(page).not.toMatch(/<script|https?:\/\/(?!nodeworthy\.io)/);
  });

  it.each([
    ['its author', 'alice', [], 10, 'is an author'],
    ['a key that nobody trusts', 'mallory', [], 13, 'nobody trusts this key'],
    ['the key that releases', 'release', [], 13, 'may not approve'],
    ['somebody who saw another digest', 'bob', ['--digest', `sha256:${'0'.repeat(64)}`], 10, 'not sha256:000'],
    ['somebody who overrules the tests', 'bob', ['--overrule', 'tests'], 2, 'nobody overrules the gate tests'],
  ])('is not approved by %s', async (_, key, more, exitCode, message) => {
    const refused = await approve(key, more);
    expect(refused.exitCode).toBe(exitCode);
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).toContain('hint: ');
  });

  it('needs the passphrase of the key', async () => {
    const args = ['approve', cell, '--key', 'keys/bob.key', '--reason', 'looked at it'];
    const without = await runCli(args, { cwd, env: { NODEWORTHY_PASSPHRASE: undefined } });
    expect(without).toMatchObject({ exitCode: 13, stderr: expect.stringContaining('is encrypted') as string });
    const wrong = await runCli(args, { cwd, env: { NODEWORTHY_PASSPHRASE: 'wrong' } });
    expect(wrong).toMatchObject({ exitCode: 13, stderr: expect.stringContaining('cannot be opened') as string });
  });

  it('still waits when somebody without the role approves', async () => {
    expect((await approve('carol')).stdout).toContain('production is now waiting');
    expect((await ask<Cells>(cwd, ['run'])).exitCode).toBe(15);
  });

  it('goes on where it stopped, once enough people approved exactly this digest', async () => {
    expect((await approve('bob', ['--digest', index])).stdout).toContain('production is now allowed');
    const { exitCode, json } = await ask<Cells>(cwd, ['run']);
    expect(exitCode).toBe(0);
    expect(json.cells).toMatchObject([{ outcome: 'published', digest: index }]);
    expect((await store.resolveTag('24'))?.digest).toBe(index);
  });

  it('is not said anything of twice', async () => {
    const before = (await readEvidence(store, index)).map(({ manifest }) => manifest.digest).sort();
    expect((await ask<Cells>(cwd, ['run'])).json.cells).toMatchObject([{ outcome: 'unchanged' }]);
    expect((await readEvidence(store, index)).map(({ manifest }) => manifest.digest).sort()).toEqual(before);
  });
});

describe('a published image', () => {
  const verify = async (reference: string, more: readonly string[] = [], folder = cwd) =>
    await ask<Verified>(folder, ['verify', reference, ...more]);

  it('has every kind of evidence on its index and on its platform', async () => {
    const kinds = async (digest: Digest) =>
      (await readEvidence(store, digest)).map(({ manifestBytes }) => {
        const { annotations } = JSON.parse(manifestBytes.toString()) as { annotations: Record<string, string> };
        return annotations['dev.sigstore.bundle.predicateType'];
      });
    expect(new Set(await kinds(index))).toEqual(
      new Set(
        ['signature', 'provenance', 'approval', 'certificate'].map(
          (kind) => predicateTypes[kind as keyof typeof predicateTypes],
        ),
      ),
    );
    expect(new Set(await kinds(platform))).toEqual(
      new Set(
        (
          ['signature', 'provenance', 'sbom-cyclonedx', 'sbom-spdx', 'tests', 'configuration', 'certificate'] as const
        ).map((kind) => predicateTypes[kind]),
      ),
    );
  });

  it('is verified at the registry, by tag, index and platform, with the policy of today', async () => {
    for (const reference of [`${repository}:24`, `${repository}@${index}`, `${repository}@${platform}`]) {
      const { exitCode, json } = await verify(reference);
      expect(failedChecks(json), reference).toEqual([]);
      expect(exitCode).toBe(0);
    }
    const { json } = await verify(`${repository}:24`);
    expect(json.digest).toBe(index);
    expect(json.checks.map(({ id }) => id)).toContain('policy production');
  });

  it('is verified by somebody who has nothing but a trust file, or a key, and no network', async () => {
    const folder = await temporaryFolder();
    const { stdout } = await runCli(['policies'], { cwd });
    await writeFile(join(folder, 'trust.yaml'), stdout);
    await cp(join(cwd, '.nodeworthy/store'), join(folder, 'layout'), { recursive: true });
    await rm(join(folder, 'layout/.nodeworthy'), { recursive: true });
    const env = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
    const file = await ask<Verified>(folder, ['verify', 'oci:layout:24', '--trust', 'trust.yaml'], env);
    expect(failedChecks(file.json)).toEqual([]);
    await cp(join(cwd, 'keys/release.pub'), join(folder, 'release.pub'));
    const key = await ask<Verified>(
      folder,
      ['verify', 'oci:layout:24', '--key', 'release.pub', '--environment', 'production'],
      env,
    );
    // The approval is by a key that this verifier does not know: the certificate that rests on it is not whole.
    expect(failedChecks(key.json)).toEqual([
      expect.stringContaining('evidence: 2 statements are gone or no longer believed: approval'),
    ]);
    expect(execFileSync('ls', ['-A', join(folder, 'layout')], { encoding: 'utf8' })).not.toContain('.nodeworthy');
  });

  it('is not verified by whoever trusts other keys', async () => {
    const folder = await temporaryFolder();
    await cp(join(cwd, 'keys/mallory.pub'), join(folder, 'mallory.pub'));
    const { exitCode, json } = await verify(
      `${repository}:24`,
      ['--key', 'mallory.pub', '--environment', 'production'],
      folder,
    );
    expect(exitCode).toBe(10);
    expect(failedChecks(json)[0]).toContain('which nobody trusts');
    const explained = await runCli(
      ['verify', `${repository}:24`, '--key', 'mallory.pub', '--environment', 'production', '--explain'],
      {
        cwd: folder,
      },
    );
    expect(explained.stdout).toContain('FAIL certificate');
    expect(explained.stdout).toContain('→');
  });

  it('has bundles that verifiers of others accept: sigstore’s, and openssl on the command line', async () => {
    const pem = await readFile(join(cwd, 'keys/release.pub'), 'utf8');
    const material = toTrustMaterial(
      TrustedRoot.fromJSON({
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [],
        certificateAuthorities: [],
        ctlogs: [],
        timestampAuthorities: [],
      }),
      () => ({
        publicKey: createPublicKey(pem),
        validFor: () => true,
      }),
    );
    const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
    const folder = await temporaryFolder();
    let count = 0;
    for (const digest of [index, platform]) {
      for (const { bytes } of await readEvidence(store, digest)) {
        const json = JSON.parse(bytes.toString()) as {
          verificationMaterial: { publicKey: { hint: string } };
          dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string; keyid: string }[] };
        };
        const payload = Buffer.from(json.dsseEnvelope.payload, 'base64');
        if (payload.toString().includes(predicateTypes.approval)) continue;
        count++;
        verifier.verify(toSignedEntity(bundleFromJSON(json)));
        const broken = {
          ...json,
          dsseEnvelope: { ...json.dsseEnvelope, payload: Buffer.from(`${payload.toString()} `).toString('base64') },
        };
        expect(() => verifier.verify(toSignedEntity(bundleFromJSON(broken)))).toThrow();
        const file = (name: string) => join(folder, `${count}.${name}`);
        await writeFile(file('pae'), preAuthEncoding(json.dsseEnvelope.payloadType, payload));
        await writeFile(file('sig'), Buffer.from(json.dsseEnvelope.signatures[0]?.sig ?? '', 'base64'));
        expect(
          await run('openssl', [
            'dgst',
            '-sha256',
            '-verify',
            join(cwd, 'keys/release.pub'),
            '-signature',
            file('sig'),
            file('pae'),
          ]),
        ).toBe('Verified OK');
      }
    }
    expect(count).toBeGreaterThanOrEqual(10);
  });

  it('is verified by cosign: the image, its certificate, its provenance and its bill of materials', async () => {
    const cosign = await obtainCosign();
    const key = ['--key', join(cwd, 'keys/release.pub'), '--insecure-ignore-tlog', '--allow-http-registry'];
    const ask = (args: readonly string[]) => exec(cosign, args, { env: { ...process.env }, timeoutMs: 60_000 });
    const image = await ask(['verify', ...key, `${repository}@${index}`]);
    expect(image.exitCode, image.stderr).toBe(0);
    expect(image.stdout).toContain(index);
    for (const [kind, digest] of [
      ['certificate', index],
      ['provenance', index],
      ['certificate', platform],
      ['sbom-cyclonedx', platform],
      ['sbom-spdx', platform],
      ['tests', platform],
    ] as const) {
      const args = ['verify-attestation', ...key, '--type', predicateTypes[kind], `${repository}@${digest}`];
      const found = await ask(args);
      expect(found.exitCode, `${kind}: ${found.stderr}`).toBe(0);
    }
    const foreign = ['--key', join(cwd, 'keys/mallory.pub'), '--insecure-ignore-tlog', '--allow-http-registry'];
    expect((await ask(['verify', ...foreign, `${repository}@${index}`])).exitCode).not.toBe(0);
  });

  it('has an SBOM that is the same bytes wherever it is made', async () => {
    const [one, two] = await Promise.all([
      runCli(['sbom', '24', '--format', 'cyclonedx'], { cwd, env: { TZ: 'Pacific/Chatham', LC_ALL: 'C' } }),
      runCli(['sbom', `${repository}:24`, '--format', 'cyclonedx', '--store', join(await temporaryFolder(), 'store')], {
        cwd,
        env: { TZ: 'UTC' },
      }),
    ]);
    const own = JSON.parse(one.stdout) as {
      components: { name: string; components?: unknown[] }[];
      serialNumber: string;
    };
    const foreign = JSON.parse(two.stdout) as typeof own;
    expect(foreign.serialNumber).toBe(own.serialNumber);
    expect(own.components.find(({ name }) => name === 'node')?.components?.length).toBeGreaterThan(10);
    const attached = await readEvidence(store, platform);
    const statement = attached
      .map(
        ({ bytes }) =>
          JSON.parse(
            Buffer.from(
              (JSON.parse(bytes.toString()) as { dsseEnvelope: { payload: string } }).dsseEnvelope.payload,
              'base64',
            ).toString(),
          ) as { predicateType: string; predicate: unknown },
      )
      .find(({ predicateType }) => predicateType === predicateTypes['sbom-cyclonedx']);
    expect(canonicalJson(statement?.predicate)).toBe(one.stdout.trimEnd());
  });

  it('has a certificate for people', async () => {
    const made = await runCli(
      ['certificate', `${repository}:24`, '--html', 'certificate.html', '--markdown', 'certificate.md'],
      { cwd },
    );
    expect(made.exitCode, made.stderr).toBe(0);
    const text = await readFile(join(cwd, 'certificate.md'), 'utf8');
    for (const part of [
      index,
      platform,
      'bob@example.com',
      'Grade **A**',
      'cosign verify',
      'nodeworthy verify',
      'nodeworthy-runtime: 69 passed',
    ])
      expect(text).toContain(part);
    expect(await readFile(join(cwd, 'certificate.html'), 'utf8')).toContain(index);
  });

  it('is made again from what was published with it, bit for bit', async () => {
    const folder = await temporaryFolder();
    const nobody = await ask(folder, ['verify', `${repository}@${index}`, '--rebuild']);
    expect(nobody).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('nobody is believed') as string });
    // Whoever does not believe the provenance builds nothing: a second build runs scripts of packages.
    await cp(join(cwd, 'keys/mallory.pub'), join(folder, 'mallory.pub'));
    const wrong = await ask(folder, [
      'verify',
      `${repository}@${index}`,
      '--rebuild',
      '--key',
      'mallory.pub',
      '--environment',
      'production',
    ]);
    expect(wrong).toMatchObject({ exitCode: 10, stderr: expect.stringContaining('nothing was built') as string });
    await writeFile(join(folder, 'trust.yaml'), (await runCli(['policies'], { cwd })).stdout);
    const args = ['verify', `${repository}@${index}`, '--rebuild', '--trust', 'trust.yaml'];
    const { exitCode, json } = await ask<Verified>(folder, args);
    expect(failedChecks(json)).toEqual([]);
    expect(json.checks.at(-1)).toMatchObject({ id: 'rebuild', ok: true });
    expect(exitCode).toBe(0);
    // Signed, it is evidence like any other, and takes nothing away from what was approved.
    const signed = await ask<Verified>(cwd, ['verify', index, '--rebuild', '--sign']);
    expect(signed.exitCode).toBe(0);
    expect(failedChecks((await verify('24')).json)).toEqual([]);
  });

  it('is found out when somebody deletes evidence from the registry, and gets it back', async () => {
    await dropFromRegistry(platform, predicateTypes.tests);
    const { exitCode, json } = await verify(`${repository}:24`);
    expect(exitCode).toBe(10);
    expect(failedChecks(json)[0]).toContain(`1 statements are gone or no longer believed: tests of ${platform}`);
    await ask<Cells>(cwd, ['run']);
    expect(failedChecks((await verify(`${repository}:24`)).json)).toEqual([]);
  });

  it('is over when its certificate is, and when its line ends', async () => {
    const later = await verify(`${repository}:24`, ['--now', '2027-06-01']);
    expect(failedChecks(later.json)).toEqual([
      expect.stringContaining('was valid until'),
      expect.stringContaining('policy production: approvals'),
    ]);
    const ended = await verify(`${repository}:24`, ['--now', '2029-01-01']);
    expect(failedChecks(ended.json).some((text) => text.startsWith('support: Node.js 24 came to its end'))).toBe(true);
  });

  it('is signed anew after a rotation of keys, and believed with both until the old one is out of use', async () => {
    const folder = await temporaryFolder();
    await cp(cwd, folder, { recursive: true });
    await runCli(['keys', 'create', 'release2', '--output', 'keys'], { cwd: folder, env: keyEnvironment });
    const recipe = await readFile(join(folder, 'nodeworthy.yaml'), 'utf8');
    const trusted = `  - { name: acme-release, publicKey: keys/release.pub, states: [evidence, certificates, revocations, vex], until: 2030-01-01 }\n  - { name: acme-release-2, publicKey: keys/release2.pub, states: [evidence, certificates, revocations, vex] }`;
    await writeFile(
      join(folder, 'nodeworthy.yaml'),
      recipe
        .replace('release: { key: keys/release.key }', 'release: { key: keys/release2.key }')
        .replace(/ {2}- \{ name: acme-release, .*\}/, trusted),
    );
    commitAll(folder, author);
    // Other trust is another policy: whoever approved has to look again.
    expect((await ask<Cells>(folder, ['run'])).json.cells).toMatchObject([{ outcome: 'waiting' }]);
    await runCli(['approve', cell, '--key', 'keys/bob.key', '--reason', 'new key, same bytes', '--quiet'], {
      cwd: folder,
      env: keyEnvironment,
    });
    const published = await ask<Cells>(folder, ['run']);
    expect(published.json.cells).toMatchObject([{ outcome: 'unchanged', digest: index }]);
    expect(failedChecks((await verify('24', [], folder)).json)).toEqual([]);
    const text = await readFile(join(folder, 'nodeworthy.yaml'), 'utf8');
    await writeFile(join(folder, 'nodeworthy.yaml'), text.replace('until: 2030-01-01', 'until: 2026-01-01'));
    const reasons = failedChecks((await verify('24', [], folder)).json);
    expect(reasons.some((reason) => reason.includes('certificate for production'))).toBe(false);
  });

  it('cannot be used any more once it is revoked, here and at the registry, for ever', async () => {
    const quarantine = await ask<{ word: string }>(cwd, [
      'revoke',
      '24',
      '--quarantine',
      '--reason',
      'a report came in',
    ]);
    expect(quarantine.json).toMatchObject({ word: 'quarantined' });
    expect(failedChecks((await verify(`${repository}:24`)).json)).toContainEqual(
      expect.stringContaining('is quarantined'),
    );
    await ask(cwd, ['revoke', '24', '--release', '--reason', 'it was nothing']);
    expect(failedChecks((await verify(`${repository}:24`)).json)).toEqual([]);
    const revoked = await ask<{ subjects: string[] }>(cwd, ['revoke', '24', '--reason', 'a hole in the wall']);
    expect(revoked.json.subjects).toEqual([index, platform]);
    for (const reference of [`${repository}:24`, `${repository}@${platform}`])
      expect(failedChecks((await verify(reference)).json)[0], reference).toContain('a hole in the wall');
    expect((await ask<Cells>(cwd, ['run'])).json.cells).toMatchObject([{ outcome: 'denied' }]);
    await ask(cwd, ['revoke', '24', '--release', '--reason', 'please']);
    expect((await verify(`${repository}:24`)).exitCode).toBe(10);
    // Whoever takes the record away at the registry has it back with the next run, although that publishes nothing.
    for (const digest of [index, platform]) await dropFromRegistry(digest, predicateTypes.revocation);
    expect(failedChecks((await verify(`${repository}:24`)).json)).toEqual([]);
    await ask<Cells>(cwd, ['run']);
    expect(failedChecks((await verify(`${repository}:24`)).json)[0]).toContain('a hole in the wall');
    // A store that is new, or has lost the record, makes the same image: what was said of it is asked for there.
    for (const digest of [index, platform]) await dropFromStore(digest, predicateTypes.revocation);
    expect(failedChecks((await verify('24')).json)).toEqual([]);
    const again = await ask<Cells>(cwd, ['run']);
    expect(again.json.cells).toMatchObject([{ outcome: 'denied' }]);
    expect(again.json.cells[0]?.reason).toContain('a hole in the wall');
    expect(failedChecks((await verify('24')).json)[0]).toContain('a hole in the wall');
  });
});

it('a second build can be asked for before the first tag moves', async () => {
  const environments = '  strict:\n    gates: { reproduced: {} }';
  const folder = await certifiedWorkspace({ environments });
  const denied = await ask<Cells>(folder, ['run']);
  expect(denied.json.cells).toMatchObject([{ outcome: 'denied', tags: [] }]);
  expect(denied.json.cells[0]?.reason).toContain('has no second build');
  const digest = denied.json.cells[0]?.digest ?? '';
  expect((await ask<Verified>(folder, ['verify', digest, '--rebuild', '--sign'])).exitCode).toBe(0);
  expect((await ask<Cells>(folder, ['run'])).json.cells).toMatchObject([{ outcome: 'published', digest }]);
});
