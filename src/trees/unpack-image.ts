import { canonicalJson } from '../core/canonical-json.ts';
import { digestOf, hexOf, type Digest } from '../core/digest.ts';
import { Failure, isFailure, systemCode } from '../core/errors.ts';
import type { ImageConfig, ImageManifest } from '../formats/oci/descriptor.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { ImageTree } from './image-tree.ts';
import { materialise } from './materialise.ts';
import { readImage, viewParts } from './read-image.ts';
import { NeedsLayersBelow, unpackLayer, unpackOnce } from './unpack-layer.ts';

export interface UnpackedImage {
  readonly digest: Digest;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/**
 * Folders for an overlay mount, the lowest first: one per layer, shared by all images that have it. An image with
 * whiteouts, devices or links between layers, as other tools make them, becomes one folder with everything applied.
 */
export async function unpackImage(store: LayoutStore, image: UnpackedImage): Promise<string[]> {
  const diffIds = image.config.rootfs.diff_ids;
  const folders: string[] = [];
  try {
    for (const [index, layer] of image.manifest.layers.entries()) {
      const diffId = diffIds[index];
      if (diffId === undefined)
        throw new Failure('STORE_DAMAGED', `${image.digest} has more layers than diffIDs`, {
          hint: 'the image is damaged; build it again',
        });
      folders.push(await unpackLayer(store, layer, diffId));
    }
    return folders;
  } catch (error) {
    // What a layer of ours never holds, and others may: it is read again with the rules for layers of others.
    const isForeign = error instanceof NeedsLayersBelow || isFailure(error, 'ARCHIVE_HOSTILE');
    if (!isForeign) throw error;
    return [await unpackWhole(store, image, diffIds)];
  }
}

/** What a file system cannot hold is the image's fault, not the machine's. */
function unusable(error: unknown, digest: Digest): unknown {
  const code = systemCode(error);
  if (isFailure(error) || code === undefined || code === 'ENOSPC') return error;
  return new Failure('ARCHIVE_HOSTILE', `${digest} cannot be unpacked: ${code}`, {
    hint: 'a name or link in it is more than a file system can hold',
    cause: error,
  });
}

function unpackWhole(store: LayoutStore, image: UnpackedImage, diffIds: readonly Digest[]): Promise<string> {
  return unpackOnce(store, `image-${hexOf(digestOf(canonicalJson(diffIds)))}`, async (folder) => {
    const { parts } = await readImage(store, image.digest);
    const view = viewParts(parts);
    try {
      const tree = new ImageTree(0);
      for (const { path, node } of view.entries) tree.set(path, node);
      await materialise(tree, folder, view.contents);
    } catch (error) {
      throw unusable(error, image.digest);
    } finally {
      await view.close();
    }
  });
}
