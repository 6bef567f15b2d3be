import { createHash } from 'node:crypto';
import { SingleFlight } from '../core/concurrency.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import type { TreeEntry } from './image-tree.ts';
import { openLayer, readToEnd } from './open-layer.ts';
import { parseTreeJson, sliceOf, toTreeNode, treeJson } from './tar-node.ts';

/** What a layer holds: a file's content refers to the digest of its own bytes. */
export interface LayerInventory {
  readonly entries: readonly TreeEntry[];
  /** Texts of records that packages leave, by the digest of the file. */
  readonly texts: Readonly<Record<Digest, string>>;
}

/** Records of dpkg, of npm packages and of the system, and licences. */
const recorded =
  /^(?:(?:etc|usr\/lib)\/os-release|var\/lib\/dpkg\/(?:status|status\.d\/[^/]+|info\/[^/]+\.list)|usr\/share\/doc\/[^/]+\/copyright|(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+\/package\.json)$/;
const maxRecordBytes = 16 << 20;
/** Raised when more is recorded: older inventories are then made again. */
const inventoryVersion = 1;
const flights = new SingleFlight<LayerInventory>();

/** Reads a layer once and keeps what it found by diffID: layers are shared, and a change of the image is another one. */
export function inventoryOf(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<LayerInventory> {
  const name = `${hexOf(diffId)}.v${inventoryVersion}`;
  return flights.run(`${store.folder} ${name}`, async () => {
    const known = await store.notes.read('inventories', name);
    if (known !== undefined) return parseTreeJson(known) as LayerInventory;
    const made = await readInventory(store, layer, diffId);
    await store.notes.write('inventories', name, treeJson(made), { durable: false });
    return made;
  });
}

async function readInventory(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<LayerInventory> {
  const entries: TreeEntry[] = [];
  const texts: Record<Digest, string> = {};
  const limits = { name: `layer ${layer.digest}`, maxEntries: 2_000_000, maxTotalBytes: 64 * 2 ** 30, foreign: true };
  const tar = openLayer(store, layer, diffId);
  for await (const { entry, content } of readTar(tar, limits)) {
    if (entry.kind !== 'file') {
      entries.push({ path: entry.path, node: toTreeNode(entry, sliceOf('sha256:', 0, 0)) });
      continue;
    }
    const hash = createHash('sha256');
    const isRecord = recorded.test(entry.path) && entry.sizeBytes <= maxRecordBytes;
    const kept: Buffer[] = [];
    for await (const chunk of content()) {
      hash.update(chunk);
      if (isRecord) kept.push(Buffer.from(chunk));
    }
    const digest: Digest = `sha256:${hash.digest('hex')}`;
    entries.push({ path: entry.path, node: toTreeNode(entry, sliceOf(digest, 0, entry.sizeBytes)) });
    if (isRecord) texts[digest] = Buffer.concat(kept).toString('utf8');
  }
  await readToEnd(tar);
  return { entries, texts };
}
