import { mapConcurrent } from '../../core/concurrency.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { proveBlob } from '../../store/read-blob.ts';
import type { Store } from '../../store/store.ts';
import type { Check } from './verify-image.ts';

export interface CheckedPlatform {
  /** `OS/ARCHITECTURE`; undefined when the platform itself was named. */
  readonly platform: string | undefined;
  readonly digest: Digest;
}

/**
 * Statements are about digests: here is what the digests name. Manifests and configurations are always read, and
 * layers always have to be there with their size; `deep` reads the layers, too.
 */
export async function checkBytes(
  store: Store,
  platforms: readonly CheckedPlatform[],
  { deep }: { readonly deep: boolean },
): Promise<Check> {
  const id = 'bytes';
  const layers = new Map<Digest, Descriptor>();
  const problems = (
    await mapConcurrent(platforms, 4, async ({ platform, digest }) =>
      problemOf(async () => {
        const manifest = await readManifest(store, digest);
        const config = await readImageConfig(store, manifest);
        const own = `${config.os}/${config.architecture}`;
        if (platform !== undefined && platform !== own)
          throw wrong(`the index says that ${digest} is ${platform}, and it is ${own}`);
        if (config.rootfs.diff_ids.length !== manifest.layers.length)
          throw wrong(
            `${digest} has ${manifest.layers.length} layers, its configuration ${config.rootfs.diff_ids.length}`,
          );
        for (const layer of manifest.layers) layers.set(layer.digest, layer);
      }),
    )
  ).concat(
    await mapConcurrent([...layers.values()], deep ? 2 : 8, (layer) =>
      problemOf(async () => {
        if (!(await store.hasBlob(layer.digest, layer.size)))
          throw wrong(`the layer ${layer.digest} of ${layer.size} bytes is not there`);
        if (deep) await proveBlob(store, layer);
      }),
    ),
  );
  const found = problems.flatMap((problem) => problem ?? []);
  if (found.length > 0)
    return {
      id,
      ok: false,
      reason: found.slice(0, 4).join('; '),
      fix: 'the image was damaged or altered where it lies: publish it again with `nodeworthy run`, or pull it from elsewhere',
    };
  const read = `${platforms.length} manifests and their configurations read`;
  const size = [...layers.values()].reduce((sum, layer) => sum + layer.size, 0);
  return {
    id,
    ok: true,
    reason: deep
      ? `${read}, and all ${size} bytes of ${layers.size} layers`
      : `${read}, ${layers.size} layers there with their sizes; --deep reads them`,
  };
}

/** One damaged blob keeps nobody from looking at the others. */
async function problemOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    // What could not be looked at is no statement about the image.
    if (!(error instanceof Failure) || /_(?:UNREACHABLE|UNAUTHORIZED)$/.test(error.code)) throw error;
    return error.message;
  }
}

function wrong(message: string): Failure {
  return new Failure('INTEGRITY', message);
}
