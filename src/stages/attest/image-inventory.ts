import { mapConcurrent } from '../../core/concurrency.ts';
import type { Digest } from '../../core/digest.ts';
import type { ImageConfig, ImageManifest } from '../../formats/oci/descriptor.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { inventoryOf } from '../../trees/layer-inventory.ts';
import { VirtualTree } from '../../trees/virtual-tree.ts';

/** The root file system of one platform: each regular file with its digest, and the texts of package records. */
export interface ImageInventory {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** Path to digest of every regular file, in the order of paths; a hard link is a file like another. */
  readonly files: ReadonlyMap<string, Digest>;
  readText(path: string): string | undefined;
}

export async function readImageInventory(store: LayoutStore, digest: Digest): Promise<ImageInventory> {
  const manifest = await readManifest(store, digest);
  const config = await readImageConfig(store, manifest);
  const layers = await mapConcurrent(manifest.layers, 2, (layer, at) =>
    inventoryOf(store, layer, config.rootfs.diff_ids[at] as Digest),
  );
  const tree = new VirtualTree();
  const texts = new Map<Digest, string>();
  for (const layer of layers) {
    tree.apply(layer.entries);
    for (const [name, text] of Object.entries(layer.texts)) texts.set(name as Digest, text);
  }
  const files = new Map<string, Digest>();
  for (const { path, node } of tree.entries()) {
    const file = node.kind === 'hardlink' ? tree.get(node.target) : node;
    if (file?.kind === 'file' && file.content.kind === 'slice') files.set(path, file.content.input);
  }
  return {
    manifest,
    config,
    files,
    readText(path) {
      const found = files.get(tree.realPath(path));
      return found === undefined ? undefined : texts.get(found);
    },
  };
}
