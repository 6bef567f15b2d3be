import { createHash, createPrivateKey, sign } from 'node:crypto';
import { cp, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { type Digest } from '../../src/core/digest.ts';
import { attachEvidence } from '../../src/evidence/evidence-store.ts';
import { bundleOfKey, keyHint } from '../../src/formats/attestation/bundle.ts';
import { preAuthEncoding, statementPayloadType } from '../../src/formats/attestation/dsse.ts';
import type { PredicateKind } from '../../src/formats/attestation/predicates.ts';
import { statementBytes } from '../../src/formats/attestation/statement.ts';
import type { Descriptor, ImageManifest } from '../../src/formats/oci/descriptor.ts';
import { mediaTypes } from '../../src/formats/oci/media-types.ts';
import { tarPadding, tarTrailer, writeTarHeader } from '../../src/formats/tar/write-header.ts';
import { openLayoutStore, type LayoutStore } from '../../src/store/layout/layout-store.ts';
import { readImageConfig, readIndex, readManifest } from '../../src/store/manifest.ts';
import { blobOfBytes } from '../../src/store/read-blob.ts';
import type { Store } from '../../src/store/store.ts';
import { runCli } from './cli.ts';
import { ask, certifiedWorkspace, keyEnvironment, type Cells, type CertifiedOptions } from './certified.ts';
import { temporaryFolder } from './workspace.ts';

/** A workspace that has published, as an attacker finds it: a copy of his own, to do with as he likes. */
export interface World {
  readonly cwd: string;
  /** Of the published image. */
  readonly cell: string;
  readonly index: Digest;
  readonly platform: Digest;
  /** File of a blob. */
  blob(digest: string): string;
  /** A path in the store's folder. */
  path(...parts: string[]): string;
  /** Opens the store as whoever has no seal key does: what is noted through it is sealed with another one. */
  foreignStore(): Promise<LayoutStore>;
  run(args: readonly string[]): Promise<Answer>;
}

export interface Answer {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Attack {
  /** What somebody does. */
  readonly name: string;
  readonly change: (world: World) => Promise<void>;
  /** What his victim sees; without it, what the victim sees without the attack. */
  readonly answer?: { readonly exitCode: number; readonly says: RegExp };
  /** In place of what holds otherwise. */
  readonly holds?: (world: World) => Promise<void>;
}

export interface AttackBench {
  /** The world that each attack begins with; it is never changed itself. */
  readonly prepared: () => Promise<World>;
  /** What the victim does afterwards. */
  readonly victim: (world: World) => Promise<Answer>;
  /** What must hold whatever was done; asked without an attack as well. */
  readonly holds: (world: World, answer: Answer) => Promise<void>;
}

/** Each attack, and once nobody: the control that shows that the bench would pass without it. */
export function attacks(bench: AttackBench, list: readonly Attack[]): void {
  it('control: nobody attacks', { timeout: 300_000 }, async () => {
    const world = await forkWorld(await bench.prepared());
    const answer = await bench.victim(world);
    expect(answer.exitCode, answer.stderr + answer.stdout).toBe(0);
    await bench.holds(world, answer);
  });
  it.each(list.map((attack) => [attack.name, attack] as const))(
    '%s',
    { timeout: 300_000 },
    async (_, { change, answer: expected = { exitCode: 0, says: /^/ }, holds = bench.holds }) => {
      const world = await forkWorld(await bench.prepared());
      await change(world);
      const answer = await bench.victim(world);
      const text = answer.stderr + answer.stdout;
      expect(answer.exitCode, text).toBe(expected.exitCode);
      expect(text).toMatch(expected.says);
      expect(text).not.toMatch(/this is a bug|\n\s+at /);
      await holds(world, answer);
    },
  );
}

/** A workspace of which one cell went as far as its policy lets it. @param change of the folder, before it runs */
export async function runWorld(
  options: CertifiedOptions & { readonly change?: (cwd: string) => Promise<void> },
  outcome: string,
): Promise<World> {
  const cwd = await certifiedWorkspace(options);
  await options.change?.(cwd);
  const { json, stderr } = await ask<Cells>(cwd, ['run']);
  const [cell] = json.cells;
  expect(cell?.outcome, `${cell?.reason} ${stderr}`).toBe(outcome);
  return openWorld(cwd, {
    cell: String(cell?.id),
    index: cell?.digest as Digest,
    platform: cell?.platforms[0]?.digest as Digest,
  });
}

/** What is asked for again and again is made once. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

export async function forkWorld(world: World): Promise<World> {
  const cwd = await temporaryFolder();
  await cp(world.cwd, cwd, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  return openWorld(cwd, world);
}

export function openWorld(cwd: string, { cell, index, platform }: Pick<World, 'cell' | 'index' | 'platform'>): World {
  const folder = join(cwd, '.nodeworthy/store');
  return {
    cwd,
    cell,
    index,
    platform,
    blob: (digest) => join(folder, 'blobs/sha256', digest.slice('sha256:'.length)),
    path: (...parts) => join(folder, ...parts),
    foreignStore: () => openLayoutStore(folder, { env: { NODEWORTHY_SEAL_KEY: join(cwd, 'foreign.key') } }),
    run: (args) => runCli(args, { cwd, env: keyEnvironment }),
  };
}

/** Names of what is noted of a kind. */
export async function namesOf(world: World, kind: string): Promise<string[]> {
  return (await readdir(world.path('.nodeworthy', kind))).sort();
}

/** Changes the text of a note and keeps its seal, as whoever cannot seal has to. */
export async function changeNote(
  world: World,
  kind: string,
  change: (text: string, name: string) => string,
): Promise<void> {
  for (const name of await namesOf(world, kind)) {
    const path = world.path('.nodeworthy', kind, name);
    const note = await readFile(path, 'utf8').catch(() => '');
    const end = note.indexOf('\n');
    if (end > 0) await writeFile(path, note.slice(0, end + 1) + change(note.slice(end + 1), name));
  }
}

export async function flipByte(path: string, at = 100): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  await writeFile(path, bytes);
}

/** The published image with one more layer, which no lock makes: a back door. */
export async function withBackDoor(world: World, store: Store): Promise<{ index: Descriptor; platform: Descriptor }> {
  const manifest = await readManifest(store, world.platform);
  const config = await readImageConfig(store, manifest);
  const layer = gzipSync(oneFileTar('usr/local/bin/back-door', '#!/bin/sh\n'));
  await store.putBlob(blobOfBytes(layer));
  const diffIds = [...config.rootfs.diff_ids, sha256(gunzipSync(layer))];
  const changedConfig = Buffer.from(canonicalJson({ ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } }));
  await store.putBlob(blobOfBytes(changedConfig));
  const changed: ImageManifest = {
    ...manifest,
    config: { ...manifest.config, digest: sha256(changedConfig), size: changedConfig.length },
    layers: [...manifest.layers, { mediaType: mediaTypes.layerGzip, digest: sha256(layer), size: layer.length }],
  };
  const platform = await store.putManifest(Buffer.from(canonicalJson(changed)), mediaTypes.manifest);
  const own = await readIndex(store, world.index);
  const manifests = own.manifests.map((entry) => ({ ...entry, digest: platform.digest, size: platform.size }));
  const index = await store.putManifest(Buffer.from(canonicalJson({ ...own, manifests })), mediaTypes.index);
  return { index, platform };
}

/** A statement by one of the workspace's keys, attached where `store` is. */
export async function state(
  world: World,
  store: Store,
  {
    by,
    kind,
    about,
    predicate,
  }: {
    readonly by: string;
    readonly kind: PredicateKind;
    readonly about: Descriptor;
    readonly predicate: object;
  },
): Promise<void> {
  const pem = await readFile(join(world.cwd, `keys/${by}.key`), 'utf8');
  const key = createPrivateKey({ key: pem, passphrase: keyEnvironment.NODEWORTHY_PASSPHRASE });
  const payload = statementBytes({ kind, name: 'acme', subject: about.digest, predicate });
  const bundle = bundleOfKey(
    payload,
    sign('sha256', preAuthEncoding(statementPayloadType, payload), key),
    keyHint(key),
  );
  await attachEvidence(store, about, [{ kind, bundle, createdOn: new Date(), inputs: sha256(payload) }]);
}

function sha256(bytes: Buffer): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A tar archive with one executable. */
function oneFileTar(path: string, text: string): Buffer {
  const content = Buffer.from(text);
  const header = writeTarHeader({
    kind: 'file',
    path,
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: 0,
    sizeBytes: content.length,
  });
  return Buffer.concat([header, content, Buffer.alloc(tarPadding(content.length)), tarTrailer]);
}
