import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Digest } from '../../core/digest.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import type { Sandbox } from '../../runtimes/runtime.ts';
import { copyImage } from '../../store/copy-image.ts';
import { openLayoutStore, type LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readIndex, readManifest } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
import type { TreeNode } from '../../trees/image-tree.ts';
import { inventoryOf } from '../../trees/layer-inventory.ts';
import { assembleCell } from '../assemble/assemble-cell.ts';
import { findArchive, type ProvenMaterials } from '../attest/archive-cell.ts';

export interface Rebuilt {
  readonly digest: Digest;
  readonly rebuilt: Digest;
  /** The first difference; undefined when both are the same bytes. */
  readonly difference: string | undefined;
}

export interface RebuildOptions {
  /** What a believed provenance says that it was made from. */
  readonly proven: ProvenMaterials;
  /** Where the scratch folder goes; it is taken away at the end. */
  readonly folder: string;
  readonly sandbox: () => Promise<Sandbox>;
  readonly onStep: (detail: string) => void;
}

/**
 * Makes an image again from the inputs that were published with it, in an empty store and without a network, and
 * compares bit for bit.
 * @throws Failure NOT_FOUND when its inputs were not published
 */
export async function rebuildImage(store: Store, image: Descriptor, options: RebuildOptions): Promise<Rebuilt> {
  const archive = await findArchive(store, image.digest, options.proven);
  const scratch = await mkdtemp(join(options.folder, 'nodeworthy-rebuild-'));
  try {
    const fresh = await openLayoutStore(join(scratch, 'store'));
    options.onStep(`fetching ${archive.inputs.length} inputs`);
    await mapConcurrent(archive.inputs, 4, ({ digest, size }) =>
      fresh.putBlob({ digest, size, open: () => store.openBlob({ digest, size }) }),
    );
    options.onStep('assembling');
    const { lock, cell, compression, settings } = archive;
    const { index } = await assembleCell(fresh, lock, cell, { compression, settings, sandbox: options.sandbox });
    if (index.digest === image.digest) return { digest: image.digest, rebuilt: index.digest, difference: undefined };
    await copyImage(store, fresh, image);
    const difference = await firstDifference(fresh, image.digest, index.digest);
    return { digest: image.digest, rebuilt: index.digest, difference };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The first thing that two images do not have in common, from the outside in: index, platform, layer, path, field. */
export async function firstDifference(store: LayoutStore, published: Digest, rebuilt: Digest): Promise<string> {
  const [before, after] = [await readIndex(store, published), await readIndex(store, rebuilt)];
  for (const [at, entry] of before.manifests.entries()) {
    const other = after.manifests[at];
    const platform = `${entry.platform?.os}/${entry.platform?.architecture}`;
    if (!other) return `${platform}: the rebuilt index has only ${after.manifests.length} platforms`;
    if (entry.digest === other.digest) continue;
    return `${platform}: ${await differenceOfManifests(store, entry.digest, other.digest)}`;
  }
  if (after.manifests.length > before.manifests.length) return 'the rebuilt index has more platforms';
  return differingField(before, after, 'index') ?? 'index: the bytes differ, the values do not';
}

async function differenceOfManifests(store: LayoutStore, published: Digest, rebuilt: Digest): Promise<string> {
  const [before, after] = [await readManifest(store, published), await readManifest(store, rebuilt)];
  const [config, otherConfig] = [await readImageConfig(store, before), await readImageConfig(store, after)];
  const count = Math.max(before.layers.length, after.layers.length);
  for (let at = 0; at < count; at++) {
    const [layer, other] = [before.layers[at], after.layers[at]];
    if (layer?.digest === other?.digest) continue;
    const name = `layer ${at + 1} (${config.history?.[at]?.created_by ?? 'without a name'})`;
    const [diffId, otherId] = [config.rootfs.diff_ids[at], otherConfig.rootfs.diff_ids[at]];
    if (!layer || !other || !diffId || !otherId) return `${name} is in one of the two only`;
    if (diffId === otherId) return `${name}: the same content, compressed to other bytes`;
    return `${name}: ${await differenceOfLayers(store, [layer, diffId], [other, otherId])}`;
  }
  return (
    differingField(config, otherConfig, 'config') ??
    differingField(before, after, 'manifest') ??
    'manifest: the bytes differ, the values do not'
  );
}

type Layer = readonly [descriptor: Descriptor, diffId: Digest];

async function differenceOfLayers(store: LayoutStore, before: Layer, after: Layer): Promise<string> {
  const [old, fresh] = await Promise.all([inventoryOf(store, ...before), inventoryOf(store, ...after)]);
  const others = new Map(fresh.entries.map(({ path, node }) => [path, node]));
  for (const [at, { path, node }] of old.entries.entries()) {
    const other = others.get(path);
    if (!other) return `/${path}: is missing in the rebuilt image`;
    const field = differingField(fieldsOf(node), fieldsOf(other), `/${path}`);
    if (field !== undefined) return field;
    if (fresh.entries[at]?.path !== path) return `/${path}: stands at another place of the archive`;
  }
  const known = new Set(old.entries.map(({ path }) => path));
  const more = fresh.entries.find(({ path }) => !known.has(path));
  return more ? `/${more.path}: is in the rebuilt image only` : 'the entries are the same, the archive is not';
}

function fieldsOf(node: TreeNode): object {
  const { kind, mode, uid, gid, mtime } = node;
  const common = { kind, mode: mode.toString(8), uid, gid, mtime };
  if (node.kind === 'file')
    return {
      ...common,
      content: node.content.kind === 'slice' ? node.content.input : '',
      xattrs: Object.keys(node.xattrs ?? {}),
    };
  return 'target' in node ? { ...common, target: node.target } : common;
}

/** `WHERE field: A and B`, for the first field in which two values differ. */
function differingField(before: unknown, after: unknown, where: string): string | undefined {
  if (JSON.stringify(before) === JSON.stringify(after)) return undefined;
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!isObject(before) || !isObject(after)) return `${where}: ${JSON.stringify(before)} and ${JSON.stringify(after)}`;
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const found = differingField(before[name], after[name], `${where} ${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
