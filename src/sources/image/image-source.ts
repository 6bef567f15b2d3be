import { resolve } from 'node:path';
import type { z } from 'zod';
import type { ImageBase } from '../../config/recipe-schema.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { ImageConfigSchema, IndexSchema, ManifestSchema, type Descriptor } from '../../formats/oci/descriptor.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import { parseImageReference } from '../../formats/oci/reference.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readBlob } from '../../store/read-blob.ts';
import { openRegistryStore } from '../../store/registry/registry-store.ts';
import type { ImageInput } from '../input.ts';
import type { ImageSource, SourcePorts } from '../source.ts';

/** An operating system that somebody else made: an image of a registry, pulled by digest and kept. */
export function openImageSource(ports: SourcePorts, store: LayoutStore, config: ImageBase): ImageSource {
  const { repository, tag, digest } = parseImageReference(config.image);
  const registry = openRegistryStore({
    repository,
    plainHttp: config.plainHttp,
    caFile: config.caFile === undefined ? undefined : resolve(ports.recipeFolder, config.caFile),
    env: ports.context.env,
    signal: ports.context.signal,
    report: ports.context.report,
    retry: ports.downloads.retry,
  });
  const reference = digest ?? tag;

  function parseAs<T>(schema: z.ZodType<T>, bytes: Buffer): T {
    try {
      return schema.parse(parseJson(bytes.toString('utf8')));
    } catch (error) {
      throw new Failure('SOURCE_INVALID', `${config.image}: a manifest or config of it is malformed`, {
        hint: 'look at the image with another tool; the registry or whoever made it is at fault',
        cause: error,
      });
    }
  }

  async function find(wanted: string) {
    const found = await registry.getManifest(wanted);
    if (found) return found;
    throw new Failure('NOT_FOUND', `${repository} has no image ${wanted}`, { hint: 'check the reference of the base' });
  }

  /** The platform's own manifest of an image or of an index. */
  async function findPlatform(platform: string, wanted: string): Promise<{ manifest: Descriptor; top: Descriptor }> {
    const top = await find(wanted);
    if (!isIndexType(top.descriptor.mediaType)) return { manifest: top.descriptor, top: top.descriptor };
    const [os, architecture] = platform.split('/');
    const { manifests } = parseAs(IndexSchema, top.bytes);
    const manifest = manifests.find(
      (entry) => entry.platform?.os === os && entry.platform?.architecture === architecture,
    );
    if (manifest) return { manifest, top: top.descriptor };
    const offered = manifests.flatMap((entry) =>
      entry.platform && entry.platform.os !== 'unknown' ? [`${entry.platform.os}/${entry.platform.architecture}`] : [],
    );
    throw new Failure('SELECTION_EMPTY', `${config.image} has no ${platform}`, {
      hint: `it has ${offered.join(', ') || 'no platform'}`,
    });
  }

  async function pull(platform: string, wanted: string) {
    const stored = await find(wanted);
    const manifest = parseAs(ManifestSchema, stored.bytes);
    for (const layer of manifest.layers) {
      if (!/foreign|nondistributable/.test(layer.mediaType)) continue;
      throw new Failure('SOURCE_INVALID', `${config.image} has a layer that must not be distributed`, {
        hint: 'such an image cannot be the base of others',
      });
    }
    await mapConcurrent([manifest.config, ...manifest.layers], 2, (blob) =>
      store.putBlob({ digest: blob.digest, size: blob.size, open: () => registry.openBlob(blob) }),
    );
    const descriptor = await store.putManifest(stored.bytes, stored.descriptor.mediaType);
    await store.keep({ ...descriptor, annotations: { 'io.nodeworthy.input': `${reference} ${platform}` } });
    const imageConfig = parseAs(ImageConfigSchema, await readBlob(store, manifest.config));
    if (`${imageConfig.os}/${imageConfig.architecture}` !== platform)
      throw new Failure(
        'SELECTION_EMPTY',
        `${config.image} is ${imageConfig.os}/${imageConfig.architecture}, not ${platform}`,
        {
          hint: 'name an image index with this platform, or leave the platform out',
        },
      );
    return { descriptor, created: imageConfig.created };
  }

  return {
    label: config.image,
    async acquire(name, platform): Promise<ImageInput> {
      const { manifest, top } = await findPlatform(platform, reference);
      const { descriptor, created } = await pull(platform, manifest.digest);
      const time = Date.parse(created ?? '');
      return {
        kind: 'image',
        name,
        version: reference,
        platform,
        digest: descriptor.digest,
        size: descriptor.size,
        origin: { source: 'image', index: top.digest, reference: digestOf(config.image) },
        time: Number.isNaN(time) ? 0 : Math.max(0, Math.floor(time / 1000)),
      };
    },
    async restore(input) {
      await pull(input.platform, input.digest);
    },
    current: async () => (await registry.resolveTag(reference))?.digest,
    close: () => registry.close(),
  };
}
