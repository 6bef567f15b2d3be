import { lstat, mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { digestOf, hexOf, type Digest } from '../../core/digest.ts';
import { privateFolder } from '../../core/files.ts';
import { Failure } from '../../core/errors.ts';
import type { ImageCellConfig } from '../../config/recipe-schema.ts';
import { buildDockerfile, chooseEngine, type EngineContext } from '../../engines/engine.ts';
import { DescriptorSchema } from '../../formats/oci/descriptor.ts';
import type { CompressionName } from '../../formats/layer-compression.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { readDockerArchive } from '../../trees/read-docker-archive.ts';
import { notBuilt, type Candidate } from './assemble-cell.ts';
import { readCandidateMemo } from './candidate-memo.ts';
import { squashImage } from './squash-image.ts';

const Memo = z.strictObject({
  index: DescriptorSchema,
  platform: z.string(),
  manifest: DescriptorSchema,
  sizeBytes: z.number(),
  blobs: z.array(DescriptorSchema),
});

export interface ImageCellOptions extends EngineContext {
  /** Folder of the recipe. */
  readonly root: string;
  /** Name of the product line. */
  readonly name: string;
  readonly compression: CompressionName;
  /** Answer from the store, or not at all. */
  readonly knownOnly?: boolean;
}

/** Raised when the same Dockerfile gives another candidate. */
const buildVersion = 1;

/**
 * Has an engine build a Dockerfile, takes the result in, squashes it when asked, and freezes it. An engine does not
 * build the same bytes twice: as long as Dockerfile and context stay as they are, the frozen candidate is the answer.
 * @throws Failure DOCKERFILE_FAILED, ENGINE_MISSING; RECIPE_INVALID when there is no such Dockerfile
 */
export async function buildImageCell(
  store: LayoutStore,
  cell: ImageCellConfig,
  options: ImageCellOptions,
): Promise<Candidate> {
  const dockerfile = await findDockerfile(options.root, cell);
  const folder = dirname(dockerfile);
  const { squash, buildArguments } = cell;
  const context = await digestFolder(folder);
  const key = digestOf(
    canonicalJson({
      buildVersion,
      context,
      file: basename(dockerfile),
      squash,
      buildArguments,
      name: cell.name,
      compression: options.compression,
    }),
  );
  const known = await readCandidateMemo(store, { kind: 'image-cells', key }, Memo);
  if (known) return toCandidate(cell, known, { context, reused: true });
  if (options.knownOnly) throw notBuilt(cell.name);
  const engine = await chooseEngine(cell.engine, options);
  const scratch = join(store.stateFolder, 'tmp');
  await privateFolder(scratch);
  const target = await mkdtemp(join(scratch, 'dockerfile-'));
  try {
    const tag = `localhost/nodeworthy-build:${hexOf(key).slice(0, 24)}`;
    const archive = await buildDockerfile(engine, { dockerfile, folder, buildArguments, tag, target }, options);
    const built = await readDockerArchive(store, archive, { folder: target, compression: options.compression });
    const manifest = squash
      ? (await squashImage(store, built, { mode: 'one', compression: options.compression })).image
      : built;
    const memo = await freeze(store, manifest, { cell, name: options.name });
    await store.notes.write('image-cells', hexOf(key), canonicalJson(memo));
    return toCandidate(cell, memo, { context, reused: false });
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

async function freeze(
  store: LayoutStore,
  descriptor: z.infer<typeof DescriptorSchema>,
  { cell, name }: { readonly cell: ImageCellConfig; readonly name: string },
): Promise<z.infer<typeof Memo>> {
  const manifest = await readManifest(store, descriptor.digest);
  const config = await readImageConfig(store, manifest);
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ ...descriptor, platform: { os: config.os, architecture: config.architecture } }],
    annotations: {
      'io.nodeworthy.cell': cell.name,
      'org.opencontainers.image.title': name,
      ...(config.created === undefined ? {} : { 'org.opencontainers.image.created': config.created }),
    },
  };
  const index = await store.putManifest(Buffer.from(canonicalJson(document)), mediaTypes.index);
  await store.keep({ ...index, annotations: { 'io.nodeworthy.candidate': cell.name } });
  const blobs = [manifest.config, ...manifest.layers];
  return {
    index,
    platform: `${config.os}/${config.architecture}`,
    manifest: descriptor,
    sizeBytes: blobs.reduce((sum, blob) => sum + blob.size, 0),
    blobs: [index, descriptor, ...blobs],
  };
}

function toCandidate(
  cell: ImageCellConfig,
  memo: z.infer<typeof Memo>,
  { context, reused }: { readonly context: Digest; readonly reused: boolean },
): Candidate {
  const { index, platform, manifest, sizeBytes, blobs } = memo;
  const layers = blobs
    .filter((blob) => blob.mediaType.includes('.layer.'))
    .map((blob, at) => ({ title: `layer ${at + 1} of the Dockerfile`, sizeBytes: blob.size }));
  const madeFrom = [{ name: `${cell.dockerfile} and its context`, digest: context }];
  return { cell: cell.name, index, platforms: [{ platform, manifest, sizeBytes, layers }], blobs, madeFrom, reused };
}

async function findDockerfile(root: string, cell: ImageCellConfig): Promise<string> {
  const named = resolve(root, cell.dockerfile);
  const stats = await lstat(named).catch(() => undefined);
  const file = stats?.isDirectory() ? join(named, 'Dockerfile') : named;
  if (await lstat(file).catch(() => undefined)) return file;
  throw new Failure('RECIPE_INVALID', `images: ${cell.name}: there is no Dockerfile at ${cell.dockerfile}`, {
    hint: 'name a folder with a Dockerfile, or the file; relative to the recipe',
  });
}

/** Everything an engine may read of a build context: paths, modes, links and contents. */
async function digestFolder(folder: string): Promise<Digest> {
  const seen: unknown[] = [];
  async function visit(at: string): Promise<void> {
    for (const name of (await readdir(join(folder, at))).sort(compareText)) {
      const path = at === '' ? name : `${at}/${name}`;
      if (path === '.git') continue;
      const full = join(folder, path);
      const stats = await lstat(full);
      if (stats.isDirectory()) await visit(path);
      else if (stats.isSymbolicLink()) seen.push([path, 'link', await readlink(full)]);
      else if (stats.isFile()) seen.push([path, stats.mode & 0o777, digestOf(await readFile(full))]);
    }
  }
  await visit('');
  return digestOf(canonicalJson(seen));
}
