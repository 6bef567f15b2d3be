import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SingleFlight } from '../core/concurrency.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { Failure, translateFileError } from '../core/errors.ts';
import { fileSize, readTextIfExists, writeFileAtomic } from '../core/files.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import { decompressLayer } from '../store/decompress-layer.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import type { ContentFile } from './content-access.ts';
import type { TreeEntry, TreeNode } from './image-tree.ts';
import { parseTreeJson, sliceOf, toTreeNode, treeJson } from './tar-node.ts';

/** A layer of any image as entries, and the file that their contents refer to. */
export interface LayerTree {
  readonly entries: readonly TreeEntry[];
  readonly file: ContentFile;
}

interface StoredLayer {
  readonly sizeBytes: number;
  readonly entries: readonly { readonly path: string; readonly node: TreeNode }[];
}

const limits = { maxEntries: 2_000_000, maxTotalBytes: 64 * 2 ** 30, foreign: true } as const;
const flights = new SingleFlight<LayerTree>();

/**
 * Expands a layer once into one plain file and a list of what lies where, proven against both of its digests.
 * @throws Failure INTEGRITY, or ARCHIVE_HOSTILE for a path that leads out of the image
 */
export function readLayer(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<LayerTree> {
  const path = join(store.stateFolder, 'layer-trees', hexOf(diffId));
  return flights.run(path, async () => {
    const known = await readTextIfExists(`${path}.json`);
    const stored = known === undefined ? undefined : (parseTreeJson(known) as StoredLayer);
    const usable = stored !== undefined && (await fileSize(path)) === stored.sizeBytes;
    const { entries } = usable ? stored : await expand(store, layer, { path, diffId });
    return { entries, file: { digest: diffId, path } };
  });
}

async function expand(
  store: LayoutStore,
  layer: Descriptor,
  { path, diffId }: { readonly path: string; readonly diffId: Digest },
): Promise<StoredLayer> {
  const temporary = `${path}.${process.pid}.tmp`;
  await mkdir(join(store.stateFolder, 'layer-trees'), { recursive: true });
  const file = await open(temporary, 'w');
  const hash = createHash('sha256');
  const name = `layer ${layer.digest}`;
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of decompressLayer(store.openBlob(layer), layer)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  try {
    const tar = hashed();
    const entries = new Map<string, TreeNode>();
    let offset = 0;
    for await (const { entry, content } of readTar(tar, { name, ...limits })) {
      // The last of repeated entries counts.
      entries.delete(entry.path);
      entries.set(entry.path, toTreeNode(entry, sliceOf(diffId, offset, entry.sizeBytes)));
      for await (const chunk of content()) {
        await file.write(chunk);
        offset += chunk.length;
      }
    }
    for await (const rest of tar) void rest;
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== diffId)
      throw new Failure('INTEGRITY', `${name} unpacks to ${found}, the image says ${diffId}`, {
        hint: 'the image is damaged; nothing of it was used',
      });
    await file.sync();
    await file.close();
    await rename(temporary, path);
    const stored = { sizeBytes: offset, entries: [...entries].map(([at, node]) => ({ path: at, node })) };
    await writeFileAtomic(`${path}.json`, treeJson(stored));
    return stored;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw translateFileError(error, path);
  }
}
