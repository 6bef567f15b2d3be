import { hexOf, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import type { TarEntry } from '../formats/tar/entry.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import type { FileContent, TreeEntry } from './image-tree.ts';
import { openLayer, readToEnd } from './open-layer.ts';
import { parseTreeJson, sliceOf, toTreeNode, treeJson } from './tar-node.ts';

/** Small files whose text checks read; of all others a listing has no content. */
const readable =
  /^(?:etc\/(?:passwd|group)|usr\/local\/etc\/npmrc|usr\/local\/lib\/node_modules\/npm\/package\.json|var\/lib\/dpkg\/status)$/;
const kind = 'listings';
const maxReadableBytes = 64 << 20;

/** Collects what a layer holds while somebody reads it anyway. */
export function createListing(diffId: Digest) {
  const entries: TreeEntry[] = [];
  return {
    entries,
    wants: ({ path, sizeBytes }: TarEntry): boolean => readable.test(path) && sizeBytes <= maxReadableBytes,
    add(entry: TarEntry, bytes?: Buffer): void {
      const content: FileContent = bytes ? { kind: 'bytes', bytes } : sliceOf(diffId, 0, entry.sizeBytes);
      entries.push({ path: entry.path, node: toTreeNode(entry, content) });
    },
  };
}

/** Entries of a layer with owners, modes and extended attributes; read once per diffID. */
export async function listLayer(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<TreeEntry[]> {
  const known = await store.notes.read(kind, hexOf(diffId));
  if (known !== undefined) return parseTreeJson(known) as TreeEntry[];
  const listing = createListing(diffId);
  const limits = { name: `layer ${layer.digest}`, maxEntries: 2_000_000, maxTotalBytes: 64 * 2 ** 30, foreign: true };
  const tar = openLayer(store, layer, diffId);
  for await (const { entry, content } of readTar(tar, limits)) {
    if (!listing.wants(entry)) {
      listing.add(entry);
      continue;
    }
    const parts: Buffer[] = [];
    for await (const part of content()) parts.push(Buffer.from(part));
    listing.add(entry, Buffer.concat(parts));
  }
  await readToEnd(tar);
  await noteListing(store, diffId, listing.entries);
  return listing.entries;
}

export async function noteListing(store: LayoutStore, diffId: Digest, entries: readonly TreeEntry[]): Promise<void> {
  await store.notes.write(kind, hexOf(diffId), treeJson(entries), { durable: false });
}
