import { open, rename, rm } from 'node:fs/promises';
import { SingleFlight } from '../core/concurrency.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { translateFileError } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import { keptFolder, keptPath, noteKept, readKept, type KeptFile } from '../store/kept-files.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import type { ContentFile } from './content-access.ts';
import type { TreeEntry, TreeNode } from './image-tree.ts';
import { openLayer, readToEnd } from './open-layer.ts';
import { parseTreeJson, sliceOf, toTreeNode, treeJson } from './tar-node.ts';

/** A layer of any image as entries, and the file that their contents refer to. */
export interface LayerTree {
  readonly entries: readonly TreeEntry[];
  readonly file: ContentFile;
}

const limits = { maxEntries: 2_000_000, maxTotalBytes: 64 * 2 ** 30, foreign: true } as const;
const flights = new SingleFlight<LayerTree>();

/**
 * Expands a layer once into one plain file and a list of what lies where, proven against both of its digests.
 * @throws Failure INTEGRITY, or ARCHIVE_HOSTILE for a path that leads out of the image
 */
export function readLayer(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<LayerTree> {
  const kept: KeptFile = { kind: 'layer-trees', name: hexOf(diffId) };
  const path = keptPath(store, kept);
  return flights.run(path, async () => {
    const known = await readKept(store, kept);
    const entries =
      known === undefined ? await expand(store, layer, { kept, diffId }) : (parseTreeJson(known) as TreeEntry[]);
    return { entries, file: { digest: diffId, path } };
  });
}

async function expand(
  store: LayoutStore,
  layer: Descriptor,
  { kept, diffId }: { readonly kept: KeptFile; readonly diffId: Digest },
): Promise<TreeEntry[]> {
  await keptFolder(store, kept.kind);
  const path = keptPath(store, kept);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  const name = `layer ${layer.digest}`;
  try {
    const tar = openLayer(store, layer, diffId);
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
    await readToEnd(tar);
    await file.sync();
    await file.close();
    await rename(temporary, path);
    const list = [...entries].map(([at, node]) => ({ path: at, node }));
    await noteKept(store, kept, treeJson(list));
    return list;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw translateFileError(error, path);
  }
}
