import { mapConcurrent } from '../../core/concurrency.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { compressions, type CompressionName } from '../../formats/layer-compression.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { isIndexType, mediaTypes, ociLayerType } from '../../formats/oci/media-types.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readIndex, readImageConfig, readManifest } from '../../store/manifest.ts';
import { blobOfBytes } from '../../store/read-blob.ts';
import type { LayerPart } from '../../trees/layer-part.ts';
import { readImage } from '../../trees/read-image.ts';
import { partitionLayers, squashParts, type LayersMode } from '../../trees/squash-parts.ts';
import { writePart } from '../../trees/write-part.ts';

export interface SquashedPlatform {
  readonly platform: string;
  readonly manifest: Descriptor;
  readonly layersBefore: number;
  readonly layersAfter: number;
  /** Compressed bytes of the layers. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Uncompressed bytes of files that a later layer replaced or took away. */
  readonly wastedBytes: number;
}

export interface SquashResult {
  /** The new image: an index when the old one was, else a manifest. */
  readonly image: Descriptor;
  readonly platforms: readonly SquashedPlatform[];
}

export interface SquashOptions {
  readonly mode: LayersMode;
  readonly compression: CompressionName;
}

/**
 * Any image with fewer layers and the same file system: files, owners, modes, links, devices, extended attributes and
 * configuration stay, history does not. The original is left as it is.
 */
export async function squashImage(
  store: LayoutStore,
  image: Descriptor,
  options: SquashOptions,
): Promise<SquashResult> {
  if (!isIndexType(image.mediaType)) {
    const platform = await squashManifest(store, image, options);
    return { image: platform.manifest, platforms: [platform] };
  }
  const index = await readIndex(store, image.digest);
  // Attestations lie in an index as manifests of an unknown platform; they are about the original.
  const children = index.manifests.filter((entry) => entry.platform?.os !== 'unknown');
  if (children.length === 0)
    throw new Failure('STORE_DAMAGED', `${image.digest} has no platform`, { hint: 'name another image' });
  const platforms = await mapConcurrent(children, 1, (child) => squashManifest(store, child, options));
  const manifests = platforms.map(({ manifest }, at) => ({ ...manifest, platform: children[at]?.platform }));
  const { annotations } = index;
  const bytes = canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests, annotations });
  return { image: await store.putManifest(Buffer.from(bytes), mediaTypes.index), platforms };
}

async function squashManifest(
  store: LayoutStore,
  image: Descriptor,
  { mode, compression }: SquashOptions,
): Promise<SquashedPlatform> {
  const { manifest, config, parts } = await readImage(store, image.digest);
  let wastedBytes = 0;
  const layers = await mapConcurrent(partitionLayers(parts.length, mode), 2, async (group) => {
    const chosen = group.map((index) => parts[index] as LayerPart);
    const [only] = chosen;
    if (chosen.length === 1 && only?.existing) {
      const { descriptor, diffId } = only.existing;
      return { descriptor: { ...descriptor, mediaType: ociLayerType(descriptor.mediaType) }, diffId };
    }
    const squashed = squashParts(chosen, parts.slice(0, group[0]));
    wastedBytes += squashed.wastedBytes;
    return await writePart(store, squashed, compressions[compression]);
  });
  const configBytes = squashedConfig(
    config,
    layers.map(({ diffId }) => diffId),
  );
  await store.putBlob(blobOfBytes(configBytes));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf(configBytes), size: configBytes.length },
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: manifest.annotations,
  };
  const written = await store.putManifest(Buffer.from(canonicalJson(document)), mediaTypes.manifest);
  const sum = (list: readonly { readonly size: number }[]): number => list.reduce((bytes, { size }) => bytes + size, 0);
  return {
    platform: `${config.os}/${config.architecture}`,
    manifest: written,
    layersBefore: manifest.layers.length,
    layersAfter: layers.length,
    bytesBefore: sum(manifest.layers),
    bytesAfter: sum(layers.map(({ descriptor }) => descriptor)),
    wastedBytes,
  };
}

/** Everything but the history, and one entry for each layer there is now. */
function squashedConfig(config: Awaited<ReturnType<typeof readImageConfig>>, diffIds: readonly Digest[]): Buffer {
  const { created } = config;
  const history = diffIds.map(() => ({
    ...(created === undefined ? {} : { created }),
    created_by: 'nodeworthy squash',
  }));
  return Buffer.from(canonicalJson({ ...config, history, rootfs: { type: 'layers', diff_ids: diffIds } }));
}

/** The image's own manifest or index in the store. @throws Failure NOT_FOUND */
export async function requireImage(store: LayoutStore, reference: string): Promise<Descriptor> {
  const found = await store.getManifest(reference);
  if (!found)
    throw new Failure('NOT_FOUND', `${store.location} has no image ${reference}`, {
      hint: 'name a tag or digest of the store, or an image of a registry in full',
    });
  if (!isIndexType(found.descriptor.mediaType)) await readManifest(store, found.descriptor.digest);
  return found.descriptor;
}
