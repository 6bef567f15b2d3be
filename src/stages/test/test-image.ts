import type { Context } from '../../core/context.ts';
import { Failure } from '../../core/errors.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import { nativePlatform } from '../../runtimes/emulation.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { readImageConfig, readIndex, readManifest } from '../../store/manifest.ts';
import type { ObtainedImage } from '../obtain/obtain-image.ts';
import type { CacheOptions } from './layer-cache.ts';
import type { TestReport } from './report.ts';
import type { BenchOptions } from './run-suites.ts';
import type { TestSuite } from './suite.ts';
import { testCandidate, type TestOptions } from './test-candidate.ts';

/** One platform of an image, by digest. */
export type ImagePlatform = Parameters<typeof testCandidate>[1]['platforms'][number];

/**
 * The platform of an image that is wanted, or that of this machine, or its only one.
 * @throws Failure NOT_FOUND when the image has it not
 */
export async function choosePlatform(
  { store, image }: ObtainedImage,
  wanted: string | undefined,
): Promise<ImagePlatform> {
  if (!isIndexType(image.mediaType)) {
    const manifest = await readManifest(store, image.digest);
    const { os, architecture } = await readImageConfig(store, manifest);
    const platform = `${os}/${architecture}`;
    if (wanted === undefined || wanted === platform) return toPlatform(platform, image);
    throw new Failure('NOT_FOUND', `${image.digest} is an image for ${platform}, not for ${wanted}`);
  }
  const { manifests } = await readIndex(store, image.digest);
  const known = manifests
    .filter(({ platform }) => platform && platform.os !== 'unknown')
    .map((descriptor) => toPlatform(`${descriptor.platform?.os}/${descriptor.platform?.architecture}`, descriptor));
  const found = known.find(({ platform }) => platform === (wanted ?? nativePlatform()));
  const [only, ...others] = known;
  if (found) return found;
  if (wanted === undefined && only && others.length === 0) return only;
  throw new Failure('NOT_FOUND', `${image.digest} has no image for ${wanted ?? nativePlatform()}`, {
    hint: `it has ${known.map(({ platform }) => platform).join(', ')}: choose one with --platform`,
  });
}

function toPlatform(platform: string, manifest: ObtainedImage['image']): ImagePlatform {
  return { platform, manifest, sizeBytes: 0, layers: [] };
}

export interface ImageTest extends BenchOptions {
  readonly suites: readonly TestSuite[];
  readonly runtime: Runtime;
  readonly cache: Omit<CacheOptions, 'subject'>;
  readonly onlyFailed?: boolean;
}

/** Runs suites on any image; nothing is attached to it, and it stays as it was. */
export async function testImage(
  { store }: ObtainedImage,
  platform: ImagePlatform,
  context: Context,
  { suites, runtime, ...options }: ImageTest,
): Promise<TestReport> {
  const asked: TestOptions = {
    ...options,
    suitesFor: () => suites,
    runtime: () => Promise.resolve(runtime),
    again: true,
    // A choice of cases is recorded nowhere, and here nothing is.
    wants: options.wants ?? (() => true),
  };
  const [tested] = await testCandidate(store, { platforms: [platform] }, context, asked);
  if (!tested) throw new TypeError('a platform gave no report');
  return tested.report;
}
