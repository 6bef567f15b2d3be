import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import type { Digest } from '../../core/digest.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { listLayer } from '../../trees/layer-listing.ts';
import { VirtualTree } from '../../trees/virtual-tree.ts';

/** What an image is, as its layers and its configuration say. */
export interface ImageView {
  readonly config: ImageConfig;
  readonly tree: VirtualTree;
}

export async function readImageView(store: LayoutStore, digest: Digest): Promise<ImageView> {
  const manifest = await readManifest(store, digest);
  const config = await readImageConfig(store, manifest);
  const tree = new VirtualTree();
  for (const [index, layer] of manifest.layers.entries()) {
    const diffId = config.rootfs.diff_ids[index];
    if (diffId) tree.apply(await listLayer(store, layer, diffId));
  }
  return { config, tree };
}
