import { Failure } from '../core/errors.ts';
import { mapConcurrent } from '../core/concurrency.ts';
import type { Digest } from '../core/digest.ts';
import type { ImageConfig, ImageManifest } from '../formats/oci/descriptor.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../store/manifest.ts';
import { openContents, type ContentAccess } from './content-access.ts';
import type { TreeEntry, TreeNode } from './image-tree.ts';
import type { LayerPart } from './layer-part.ts';
import { readLayer } from './read-layer.ts';
import { VirtualTree } from './virtual-tree.ts';

export interface ReadImage {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly parts: readonly LayerPart[];
}

/**
 * An image's layers as entries, proven against their digests and diffIDs.
 * @throws Failure STORE_DAMAGED when manifest and config do not have the same number of layers
 */
export async function readImage(store: LayoutStore, manifestDigest: Digest): Promise<ReadImage> {
  const manifest = await readManifest(store, manifestDigest);
  const config = await readImageConfig(store, manifest);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length)
    throw new Failure(
      'STORE_DAMAGED',
      `${manifestDigest} has ${manifest.layers.length} layers and ${diffIds.length} diffIDs`,
      { hint: 'the image is damaged; ask whoever made it' },
    );
  const titles = (config.history ?? []).filter((entry) => entry.empty_layer !== true).map((entry) => entry.created_by);
  const parts = await mapConcurrent(manifest.layers, 2, async (descriptor, at): Promise<LayerPart> => {
    const diffId = diffIds[at] as Digest;
    const { entries, file } = await readLayer(store, descriptor, diffId);
    return { title: titles[at] ?? '', entries, files: [file], existing: { descriptor, diffId } };
  });
  return { manifest, config, parts };
}

/** The file system that layers make together, with access to its contents. */
export interface FileSystemView {
  readonly entries: readonly TreeEntry[];
  get(path: string): TreeNode | undefined;
  /** Names of what lies directly in a folder. */
  list(path: string): readonly string[];
  /** The path with every symlink on it followed. */
  realPath(path: string): string;
  readonly read: ContentAccess['read'];
  readonly contents: ContentAccess;
  close(): Promise<void>;
}

export function viewParts(parts: readonly LayerPart[]): FileSystemView {
  const tree = new VirtualTree();
  for (const part of parts) tree.apply(part.entries);
  const contents = openContents(parts.flatMap((part) => part.files));
  let listed: readonly TreeEntry[] | undefined;
  return {
    get entries() {
      return (listed ??= tree.entries());
    },
    get: (path) => tree.get(path),
    list: (path) => tree.list(path),
    realPath: (path) => tree.realPath(path),
    read: contents.read,
    contents,
    close: () => contents.close(),
  };
}
