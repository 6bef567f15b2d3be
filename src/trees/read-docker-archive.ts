import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../core/canonical-json.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { compressions, type CompressionName } from '../formats/layer-compression.ts';
import { ImageConfigSchema, type Descriptor } from '../formats/oci/descriptor.ts';
import { mediaTypes } from '../formats/oci/media-types.ts';
import { resolveLink } from '../formats/tar/path.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { noteProven } from '../store/proven-layers.ts';
import { blobOfBytes } from '../store/read-blob.ts';

const Manifests = z.array(z.looseObject({ Config: z.string(), Layers: z.array(z.string()) })).min(1);

const limits = { maxEntries: 10_000, maxTotalBytes: 64 * 2 ** 30, foreign: true } as const;

/**
 * Takes the image of a docker archive (`docker save`: `manifest.json`, a config, a tar per layer) into the store, as an
 * OCI manifest. Each layer's tar must have the diffID that the config promises; it is compressed as ours are.
 * @param folder scratch folder, whose contents go when it is done
 */
export async function readDockerArchive(
  store: LayoutStore,
  archive: string,
  { folder, compression }: { readonly folder: string; readonly compression: CompressionName },
): Promise<Descriptor> {
  const root = join(folder, 'archive');
  try {
    const links = await extract(archive, root);
    const locate = (path: string): string => join(root, links.get(path) ?? path);
    const [image] = parseAs(Manifests, await readFile(join(root, 'manifest.json')).catch(() => Buffer.alloc(0)));
    if (!image) throw new Failure('SOURCE_INVALID', 'the engine saved an archive without an image');
    const configBytes = await readFile(locate(image.Config));
    const config = parseAs(ImageConfigSchema, configBytes);
    const layers: Descriptor[] = [];
    for (const [at, path] of image.Layers.entries()) {
      const diffId = config.rootfs.diff_ids[at];
      if (diffId === undefined) throw new Failure('SOURCE_INVALID', 'the engine saved more layers than it promised');
      layers.push(await storeLayer(store, locate(path), { diffId, compression }));
    }
    await store.putBlob(blobOfBytes(configBytes));
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: digestOf(configBytes), size: configBytes.length },
      layers,
    };
    return await store.putManifest(Buffer.from(canonicalJson(manifest)), mediaTypes.manifest);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** @throws Failure SOURCE_INVALID when the bytes are not what an engine saves */
function parseAs<T>(schema: z.ZodType<T>, bytes: Buffer): T {
  try {
    return schema.parse(parseJson(bytes.toString('utf8')));
  } catch (error) {
    throw new Failure('SOURCE_INVALID', 'the engine saved an archive that is no docker archive', {
      hint: 'use a current docker, podman or buildah',
      cause: error,
    });
  }
}

/** Files of the archive; older engines link equal layers to each other. */
async function extract(archive: string, root: string): Promise<ReadonlyMap<string, string>> {
  const links = new Map<string, string>();
  for await (const { entry, content } of readTar(createReadStream(archive), { name: archive, ...limits })) {
    const path = join(root, entry.path);
    if (entry.kind === 'symlink') links.set(entry.path, resolveLink(entry.path, entry.linkTarget ?? ''));
    if (entry.kind === 'hardlink') links.set(entry.path, entry.linkTarget ?? '');
    if (entry.kind !== 'file') continue;
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'w');
    try {
      for await (const chunk of content()) await file.write(chunk);
    } finally {
      await file.close();
    }
  }
  return links;
}

async function storeLayer(
  store: LayoutStore,
  path: string,
  { diffId, compression }: { readonly diffId: Digest; readonly compression: CompressionName },
): Promise<Descriptor> {
  const { compress, mediaType } = compressions[compression];
  const uncompressed = createHash('sha256');
  const compressed = createHash('sha256');
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
      uncompressed.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  }
  const temporary = await store.temporaryPath();
  const file = await open(temporary, 'wx', 0o644);
  let size = 0;
  try {
    const { size: contentBytes } = await stat(path);
    for await (const chunk of compress(hashed(), contentBytes)) {
      compressed.update(chunk);
      size += chunk.length;
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const found = `sha256:${uncompressed.digest('hex')}`;
  if (found !== diffId) {
    await rm(temporary, { force: true });
    throw new Failure('INTEGRITY', `the engine saved a layer ${found}, and promised ${diffId}`, {
      hint: 'build it again; if it happens twice, the engine’s storage is damaged',
    });
  }
  const digest: Digest = `sha256:${compressed.digest('hex')}`;
  await store.adoptFile(temporary, digest);
  await noteProven(store, digest, diffId);
  return { mediaType, digest, size };
}
