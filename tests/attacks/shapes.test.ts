// Names and shapes from outside that a parser, or an object of the language, takes for something else.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { bundleMediaType } from '../../src/formats/attestation/bundle.ts';
import { artifactManifestBytes } from '../../src/formats/oci/artifact-manifest.ts';
import { mediaTypes } from '../../src/formats/oci/media-types.ts';
import { readEvidence } from '../../src/evidence/evidence-store.ts';
import { blobOfBytes } from '../../src/store/read-blob.ts';
import { attacks, forkWorld, once, runWorld, type World } from '../support/attack-world.ts';

const environments = '  production:\n    gates: {}';
const published = once(async () => await runWorld({ environments }, 'published'));

/** Attaches bytes to the image as a statement, as anybody who may push can. */
async function attach(world: World, text: string | Buffer): Promise<void> {
  const store = await world.foreignStore();
  const bytes = Buffer.from(text);
  await store.putBlob(blobOfBytes(bytes));
  const image = await store.getManifest(world.index);
  const manifest = artifactManifestBytes({
    artifactType: bundleMediaType,
    layers: [{ mediaType: bundleMediaType, digest: digestOf(bytes), size: bytes.length }],
    subject: image?.descriptor ?? expect.fail('no image'),
    annotations: { 'org.opencontainers.image.created': '2026-11-30T00:00:00Z' },
  });
  await store.putManifest(manifest, mediaTypes.manifest);
}

/** One of the genuine statements about the image, with its text changed. */
async function attachChanged(world: World, change: (text: string) => string): Promise<void> {
  const [first] = await readEvidence(await world.foreignStore(), world.index);
  await attach(world, change(first?.bytes.toString('utf8') ?? expect.fail('nothing is said of the image')));
}

const holds = async (world: World): Promise<void> => {
  expect((await world.run(['certificate', '24'])).exitCode).toBe(0);
};

describe('before somebody verifies, somebody attaches', () => {
  attacks({ prepared: published, victim: async (world) => await world.run(['verify', '24', '--explain']), holds }, [
    { name: 'what is not JSON', change: async (world) => await attach(world, 'nothing of the kind') },
    { name: 'nothing at all', change: async (world) => await attach(world, '') },
    { name: 'bytes that are no text', change: async (world) => await attach(world, Buffer.from([0xff, 0xfe, 0, 1])) },
    { name: 'a million brackets', change: async (world) => await attach(world, '['.repeat(1 << 20)) },
    { name: 'names of the language', change: async (world) => await attach(world, '{"__proto__":{"mediaType":"x"}}') },
    { name: 'a number for a bundle', change: async (world) => await attach(world, '42') },
    {
      name: 'a bundle with one name twice',
      change: async (world) =>
        await attachChanged(world, (text) =>
          text.replace('{', '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",'),
        ),
    },
    {
      name: 'a bundle with two payloads',
      change: async (world) =>
        await attachChanged(world, (text) => text.replace('"dsseEnvelope":{', '"dsseEnvelope":{"payload":"e30=",')),
    },
    {
      name: 'a bundle with two signatures',
      change: async (world) =>
        await attachChanged(world, (text) => text.replace(/"signatures":\[(.*?)\]/, '"signatures":[$1,$1]')),
    },
    { name: 'forty megabytes', change: async (world) => await attach(world, Buffer.alloc(40 << 20, 32)) },
  ]);
});

describe('an environment', () => {
  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'])('called %s is none', async (name) => {
    const world = await forkWorld(await published());
    for (const command of ['verify', 'certificate']) {
      const refused = await world.run([command, '24', '--environment', name]);
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain(`the recipe has no environment "${name}"`);
    }
    await writeFile(join(world.cwd, 'trust.yaml'), (await world.run(['policies'])).stdout);
    const refused = await world.run(['verify', '24', '--trust', 'trust.yaml', '--environment', name]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(`the trust file has no environment "${name}"`);
  });
});

const bomb = [
  'a: &a [x, x, x, x, x, x, x, x, x, x]',
  ...'bcdefghij'.split('').map((name, at) => {
    const before = 'abcdefghi'[at];
    return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`;
  }),
].join('\n');

describe('a file of somebody else', () => {
  it.each([
    [
      'a trust file that grows without end',
      'trust.yaml',
      `${bomb}\ntrust: *j\n`,
      /trust\.yaml.*repeats itself too often/,
    ],
    ['a trust file that refers to itself', 'trust.yaml', 'trust: &a [*a]\n', /trust\.yaml/],
    ['a trust file with a name of the language', 'trust.yaml', '__proto__: { trust: [] }\ntrust: []\n', /trust\.yaml/],
    ['a trust file with one name twice', 'trust.yaml', 'trust: []\ntrust: []\n', /trust\.yaml/],
    ['a trust file that is none', 'trust.yaml', '\u0000\u0001', /trust\.yaml/],
  ])('%s is refused in words', { timeout: 30_000 }, async (_, file, text, message) => {
    const world = await forkWorld(await published());
    await writeFile(join(world.cwd, file), text);
    const refused = await world.run(['verify', '24', '--trust', file]);
    expect(refused.exitCode, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(message);
    expect(refused.stderr).not.toMatch(/this is a bug|\n\s+at /);
  });

  it.each([
    ['one name twice', (text: string) => text.replace('{', '{ "lockVersion": 1,')],
    ['brackets without end', () => '['.repeat(1 << 20)],
    ['a name of the language', (text: string) => text.replace('{', '{ "__proto__": { "cells": [] },')],
    ['nothing in it', () => ''],
    ['another shape', () => '{"cells": 7}'],
  ])('a lock with %s is refused in words', { timeout: 30_000 }, async (_, change) => {
    const world = await forkWorld(await published());
    const path = join(world.cwd, 'nodeworthy.lock.json');
    await writeFile(path, change(await readFile(path, 'utf8')));
    const refused = await world.run(['build', '--quiet']);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(/nodeworthy\.lock\.json/);
    expect(refused.stderr).not.toMatch(/this is a bug|\n\s+at /);
  });
});
