// Whoever can attach statements: an insider with one key, somebody with a key that leaked, a clock that was wrong.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Digest } from '../../src/core/digest.ts';
import { readEvidence } from '../../src/evidence/evidence-store.ts';
import { predicateTypes, type PredicateKind } from '../../src/formats/attestation/predicates.ts';
import type { Descriptor } from '../../src/formats/oci/descriptor.ts';
import { readManifest } from '../../src/store/manifest.ts';
import { attacks, flipByte, once, runWorld, state, type Attack, type World } from '../support/attack-world.ts';

const environments = '  production:\n    gates: {}';

const published = once(
  async () =>
    await runWorld(
      {
        environments,
        async change(cwd) {
          const recipe = join(cwd, 'nodeworthy.yaml');
          const text = await readFile(recipe, 'utf8');
          await writeFile(
            recipe,
            text.replace(
              /(name: (alice|bob|carol),[^}]*)states: \[approvals\]/g,
              (_, before: string, name: string) =>
                `${before}states: [approvals, revocations]${name === 'carol' ? ', until: "2026-01-01"' : ''}`,
            ),
          );
        },
      },
      'published',
    ),
);

/** `verify`, `certificate` and `show` are views of one judgement. */
async function holds(world: World, { exitCode }: { readonly exitCode: number | null }): Promise<void> {
  const certificate = await world.run(['certificate', '24', '--json']);
  const isValid = certificate.exitCode === 0 && (JSON.parse(certificate.stdout) as { isValid: boolean }).isValid;
  expect(isValid, certificate.stdout + certificate.stderr).toBe(exitCode === 0);
}

const on = (day: string): string => `${day}T00:00:00.000Z`;
const record = (action: string, day: string, releases: readonly Digest[] = []) => ({
  action,
  reason: 'a hole',
  by: 'somebody@example.com',
  on: on(day),
  releases,
});

async function descriptorOf(world: World, digest: Digest): Promise<Descriptor> {
  const found = await (await world.foreignStore()).getManifest(digest);
  return found?.descriptor ?? expect.fail(`no ${digest}`);
}

/** @returns digest of the statement's payload */
async function says(
  world: World,
  by: string,
  { kind = 'revocation', about = world.index, predicate }: { kind?: PredicateKind; about?: Digest; predicate: object },
): Promise<Digest> {
  const store = await world.foreignStore();
  const before = new Set((await readEvidence(store, about)).map(({ manifest }) => manifest.digest));
  await state(world, store, { by, kind, about: await descriptorOf(world, about), predicate });
  const added = (await readEvidence(store, about)).find(({ manifest }) => !before.has(manifest.digest));
  return (added?.inputs ?? expect.fail('nothing was attached')) as Digest;
}

/** Takes what is said of a digest out of the store's list. */
async function strip(world: World, kinds: readonly PredicateKind[], about: Digest): Promise<void> {
  const store = await world.foreignStore();
  const types = new Set<string>(kinds.map((kind) => predicateTypes[kind]));
  const gone = new Set<string>();
  for (const { manifest, manifestBytes } of await readEvidence(store, about)) {
    const { annotations } = JSON.parse(manifestBytes.toString()) as { annotations: Record<string, string> };
    if (types.has(String(annotations['dev.sigstore.bundle.predicateType']))) gone.add(manifest.digest);
  }
  expect(gone.size).toBeGreaterThan(0);
  const index = JSON.parse(await readFile(world.path('index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const manifests = index.manifests.filter(({ digest }) => !gone.has(digest));
  await writeFile(world.path('index.json'), JSON.stringify({ ...index, manifests }));
}

const refused = (pattern: RegExp): NonNullable<Attack['answer']> => ({ exitCode: 10, says: pattern });

describe('before somebody verifies', () => {
  attacks({ prepared: published, victim: (world) => world.run(['verify', '24', '--explain']), holds }, [
    {
      name: 'the image is quarantined',
      change: async (world) => void (await says(world, 'alice', { predicate: record('quarantined', '2026-11-01') })),
      answer: refused(/is quarantined since/),
    },
    {
      name: 'only a platform of it is revoked',
      change: async (world) =>
        void (await says(world, 'alice', { about: world.platform, predicate: record('revoked', '2026-11-01') })),
      answer: refused(/is revoked since/),
    },
    {
      name: 'it is revoked with a clock of 2099',
      change: async (world) => void (await says(world, 'alice', { predicate: record('revoked', '2099-01-01') })),
      answer: refused(/is revoked since/),
    },
    {
      name: 'it is revoked with a key that was let out',
      change: async (world) => void (await says(world, 'carol', { predicate: record('revoked', '2026-11-01') })),
      answer: refused(/is revoked since/),
    },
    {
      name: 'a quarantine is released by the one who stopped it',
      async change(world) {
        const stopped = await says(world, 'alice', { predicate: record('quarantined', '2026-11-01') });
        await says(world, 'alice', { predicate: record('released', '2026-11-02', [stopped]) });
      },
    },
    {
      name: 'a quarantine is released by somebody whose clock is late',
      async change(world) {
        const stopped = await says(world, 'alice', { predicate: record('quarantined', '2026-11-02') });
        await says(world, 'bob', { predicate: record('released', '2026-11-01', [stopped]) });
      },
    },
    {
      name: 'a quarantine is released by a record that names nothing',
      async change(world) {
        await says(world, 'alice', { predicate: record('quarantined', '2026-11-01') });
        await says(world, 'alice', { predicate: record('released', '2026-11-02') });
      },
      answer: refused(/is quarantined since/),
    },
    {
      name: 'a quarantine is released before it comes, by a clock of 2099',
      async change(world) {
        const old = await says(world, 'alice', { predicate: record('quarantined', '2026-10-01') });
        await says(world, 'alice', { predicate: record('released', '2099-01-01', [old]) });
        await says(world, 'alice', { predicate: record('quarantined', '2026-11-01') });
      },
      answer: refused(/is quarantined since/),
    },
    {
      name: 'a quarantine is released with a key that was let out',
      async change(world) {
        const stopped = await says(world, 'alice', { predicate: record('quarantined', '2026-11-01') });
        await says(world, 'carol', { predicate: record('released', '2026-11-02', [stopped]) });
      },
      answer: refused(/is quarantined since/),
    },
    {
      name: 'a quarantine by security is released by the key that releases, which has no such role',
      async change(world) {
        const stopped = await says(world, 'alice', { predicate: record('quarantined', '2026-11-01') });
        await says(world, 'release', { predicate: record('released', '2026-11-02', [stopped]) });
      },
      answer: refused(/is quarantined since/),
    },
    {
      name: 'somebody whom nobody trusts revokes it',
      change: async (world) => void (await says(world, 'mallory', { predicate: record('revoked', '2026-11-01') })),
    },
    {
      name: 'its bill of materials is gone',
      change: (world) => strip(world, ['sbom-cyclonedx', 'sbom-spdx'], world.platform),
      answer: refused(/evidence: 2 statements are gone/),
    },
    {
      name: 'its tests are gone',
      change: (world) => strip(world, ['tests'], world.platform),
      answer: refused(/evidence: 1 statements are gone/),
    },
    {
      name: 'its provenance is gone',
      change: (world) => strip(world, ['provenance'], world.index),
      answer: refused(/evidence: 1 statements are gone/),
    },
    {
      name: 'its signature is gone',
      change: (world) => strip(world, ['signature'], world.index),
      answer: refused(/has no signature/),
    },
    {
      name: 'its certificate is gone',
      change: (world) => strip(world, ['certificate'], world.index),
      answer: refused(/has no certificate/),
    },
    {
      name: 'the manifest of its platform is another one',
      change: (world) => flipByte(world.blob(world.platform), 40),
      answer: refused(/bytes: .*are not the right ones/),
    },
    {
      name: 'the manifest of its platform is gone',
      change: (world) => rm(world.blob(world.platform)),
      answer: refused(/bytes: .*has no manifest/),
    },
    {
      name: 'its configuration gives another user',
      async change(world) {
        const { config } = await readManifest(await world.foreignStore(), world.platform);
        const text = await readFile(world.blob(config.digest), 'utf8');
        await writeFile(world.blob(config.digest), text.replace(/"User":"1000:1000"/, '"User":"0000:0000"'));
      },
      answer: refused(/bytes: .*are not the right ones/),
    },
    {
      name: 'a layer has one other byte',
      async change(world) {
        const { layers } = await readManifest(await world.foreignStore(), world.platform);
        await flipByte(world.blob(String(layers.at(-1)?.digest)), 50);
      },
      answer: refused(/bytes: .*are not the right ones/),
    },
    {
      name: 'a layer is gone',
      async change(world) {
        const { layers } = await readManifest(await world.foreignStore(), world.platform);
        await rm(world.blob(String(layers[0]?.digest)));
      },
      answer: refused(/bytes: .*is not there/),
    },
    {
      name: 'a layer is cut off',
      async change(world) {
        const { layers } = await readManifest(await world.foreignStore(), world.platform);
        const path = world.blob(String(layers[0]?.digest));
        await writeFile(path, (await readFile(path)).subarray(0, -1));
      },
      answer: refused(/bytes: .*is not there/),
    },
  ]);
});
