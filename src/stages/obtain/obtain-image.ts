import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, open, rm, stat, symlink, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Context } from '../../core/context.ts';
import { hexOf, isDigest } from '../../core/digest.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import { namesIn, privateFolder } from '../../core/files.ts';
import { engines } from '../../engines/engines.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { parseImageReference } from '../../formats/oci/reference.ts';
import { readTar } from '../../formats/tar/read-tar.ts';
import { copyImage } from '../../store/copy-image.ts';
import { openLayoutStore, type LayoutStore } from '../../store/layout/layout-store.ts';
import { openRegistryStore } from '../../store/registry/registry-store.ts';
import { readDockerArchive } from '../../trees/read-docker-archive.ts';

export interface ObtainedImage {
  /** Where its bytes are now: our own store, or a place for images of others. */
  readonly store: LayoutStore;
  /** Manifest or index. */
  readonly image: Descriptor;
}

export interface ObtainOptions {
  /** Folder of our own store. */
  readonly storePath: string;
  readonly cwd: string;
  readonly context: Pick<Context, 'env' | 'signal' | 'report'>;
}

/** Ways to name an image, for messages and help. */
export const referenceForms = [
  'a tag or digest of the store',
  'HOST/REPOSITORY:TAG of a registry',
  'oci:PATH:TAG',
  'oci-archive:FILE',
  'docker-archive:FILE',
  'docker:NAME',
  'podman:NAME',
] as const;

/**
 * Brings an image here, wherever it is, and changes nothing there. Images of others lie beside the store, not in it:
 * they are no candidates, and are thrown away when nobody wants them for a while.
 * @throws Failure USAGE for a reference of no known form; NOT_FOUND when there is no such image
 */
export async function obtainImage(reference: string, options: ObtainOptions): Promise<ObtainedImage> {
  const { cwd } = options;
  const [, transport, rest = ''] = /^([a-z-]+):(.+)$/.exec(reference) ?? [];
  switch (transport) {
    case 'oci':
      return await fromLayout(rest, options);
    case 'oci-archive':
      return await fromOciArchive(resolve(cwd, rest), options);
    case 'docker-archive':
      return await fromDockerArchive(resolve(cwd, rest), options);
    case 'docker':
    case 'docker-daemon':
      return await fromEngine('docker', rest, options);
    case 'podman':
    case 'containers-storage':
      return await fromEngine('podman', rest, options);
    case undefined:
    default:
      return await fromPlain(reference, options);
  }
}

/** Without a transport: of the store, an archive, or of a registry. */
async function fromPlain(reference: string, options: ObtainOptions): Promise<ObtainedImage> {
  const { storePath, cwd } = options;
  const own = isDigest(reference) || !reference.includes('/') ? await findOwn(reference, storePath) : undefined;
  if (own) return own;
  const file = resolve(cwd, reference);
  if ((await stat(file).catch(() => undefined))?.isFile()) return await fromArchive(file, options);
  if (!reference.includes('/'))
    throw new Failure('NOT_FOUND', `there is no image ${JSON.stringify(reference)} in ${storePath}`, {
      hint: `name ${referenceForms.join(', ')}`,
    });
  return await fromRegistry(reference, options);
}

async function findOwn(reference: string, storePath: string): Promise<ObtainedImage | undefined> {
  const store = await openLayoutStore(storePath);
  const found = await store.getManifest(reference).catch((error: unknown) => {
    if (isFailure(error, 'USAGE') || isFailure(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
  return found ? { store, image: found.descriptor } : undefined;
}

async function fromRegistry(reference: string, options: ObtainOptions): Promise<ObtainedImage> {
  const { repository, tag, digest } = parseImageReference(reference);
  const { env, signal, report } = options.context;
  const registry = openRegistryStore({ repository, env, signal, report });
  try {
    const found = await registry.getManifest(digest ?? tag);
    if (!found)
      throw new Failure('NOT_FOUND', `${repository} has no image ${digest ?? tag}`, { hint: 'check the reference' });
    return await asGuest(
      options,
      found.descriptor,
      async (store) => void (await copyImage(registry, store, found.descriptor)),
    );
  } finally {
    await registry.close();
  }
}

async function fromLayout(rest: string, options: ObtainOptions): Promise<ObtainedImage> {
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const folder = resolve(options.cwd, hasTag ? rest.slice(0, colon) : rest);
  return await readLayout(folder, hasTag ? rest.slice(colon + 1) : undefined, options);
}

/** A layout of somebody else is read through links: nothing is written to it. */
async function readLayout(folder: string, tag: string | undefined, options: ObtainOptions): Promise<ObtainedImage> {
  if (!(await stat(join(folder, 'index.json')).catch(() => undefined)))
    throw new Failure('NOT_FOUND', `${folder} is no image layout`, {
      hint: 'a layout is a folder with index.json and blobs',
    });
  return await inScratch(options, async (scratch) => {
    const view = join(scratch, 'layout');
    await mkdir(view);
    for (const name of ['index.json', 'oci-layout']) await cp(join(folder, name), join(view, name)).catch(() => {});
    await symlink(join(folder, 'blobs'), join(view, 'blobs'));
    const layout = await openLayoutStore(view, { readOnly: true });
    const tags = await layout.listTags();
    const entries = await layout.listEntries();
    const [only, ...others] = entries;
    const image =
      tag === undefined ? (others.length === 0 ? only : undefined) : (await layout.getManifest(tag))?.descriptor;
    if (!image)
      throw new Failure(
        'NOT_FOUND',
        tag === undefined ? `${folder} holds ${entries.length} images` : `${folder} has no tag ${tag}`,
        {
          hint: tags.length > 0 ? `name one: oci:${folder}:${tags.slice(0, 8).join(' ')}` : 'the layout has no tags',
        },
      );
    return await asGuest(options, image, async (store) => void (await copyImage(layout, store, image)));
  });
}

async function fromArchive(file: string, options: ObtainOptions): Promise<ObtainedImage> {
  const names = new Set<string>();
  const limits = { name: file, maxEntries: 1_000_000, maxTotalBytes: 64 * 2 ** 30, foreign: true };
  for await (const { entry } of readTar(createReadStream(file), limits)) names.add(entry.path);
  if (names.has('manifest.json')) return await fromDockerArchive(file, options);
  if (names.has('index.json')) return await fromOciArchive(file, options);
  throw new Failure('SOURCE_INVALID', `${file} is no image archive`, {
    hint: 'it has neither manifest.json, as `docker save` writes it, nor index.json',
  });
}

async function fromOciArchive(file: string, options: ObtainOptions): Promise<ObtainedImage> {
  return await inScratch(options, async (scratch) => {
    const folder = join(scratch, 'archive');
    const limits = { name: file, maxEntries: 100_000, maxTotalBytes: 64 * 2 ** 30, foreign: true };
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
    for await (const { entry, content } of readTar(createReadStream(file), limits)) {
      if (!/^(?:index\.json|oci-layout|blobs\/sha256\/[0-9a-f]{64})$/.test(entry.path) || entry.kind !== 'file')
        continue;
      const handle = await open(join(folder, entry.path), 'w');
      try {
        for await (const chunk of content()) await handle.write(chunk);
      } finally {
        await handle.close();
      }
    }
    return await readLayout(folder, undefined, options);
  });
}

async function fromDockerArchive(file: string, options: ObtainOptions): Promise<ObtainedImage> {
  if (!(await stat(file).catch(() => undefined)))
    throw new Failure('NOT_FOUND', `there is no archive ${file}`, {
      hint: 'make one with `docker save --output FILE NAME`',
    });
  return await inScratch(options, async (scratch) => {
    const store = await openLayoutStore(join(scratch, 'store'));
    const image = await readDockerArchive(store, file, { folder: scratch, compression: 'gzip' });
    return await asGuest(options, image, async (guest) => void (await copyImage(store, guest, image)));
  });
}

async function fromEngine(name: 'docker' | 'podman', image: string, options: ObtainOptions): Promise<ObtainedImage> {
  const { env, signal } = options.context;
  const engine = engines[name];
  return await inScratch(options, async (scratch) => {
    const archive = join(scratch, 'image.tar');
    const saved = await exec(engine.program, engine.save(image, archive), {
      env: { ...env },
      signal,
      timeoutMs: 600_000,
    });
    if (saved.exitCode !== 0)
      throw new Failure('NOT_FOUND', `${name} cannot save ${image}: ${saved.stderr.trim().split('\n').at(-1) ?? ''}`, {
        hint: `is the engine running, and is the image there? See \`${engine.program} images\``,
      });
    return await fromDockerArchive(archive, options);
  });
}

function guestsFolder(storePath: string): string {
  return join(storePath, '.nodeworthy', 'guests');
}

async function inScratch<T>({ storePath }: ObtainOptions, work: (folder: string) => Promise<T>): Promise<T> {
  const root = await privateFolder(guestsFolder(storePath));
  const scratch = await mkdtemp(join(root, `tmp-${process.pid}-`));
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The place of an image of others, filled once. */
async function asGuest(
  { storePath }: ObtainOptions,
  image: Descriptor,
  fill: (store: LayoutStore) => Promise<void>,
): Promise<ObtainedImage> {
  const folder = join(await privateFolder(guestsFolder(storePath)), hexOf(image.digest));
  const store = await openLayoutStore(folder);
  if (!(await store.listEntries()).some(({ digest }) => digest === image.digest)) {
    await fill(store);
    await store.keep(image);
  }
  await utimes(folder, new Date(), new Date());
  return { store, image };
}

/** Places of images of others, with the time at which somebody asked for each; and what killed runs left there. */
export async function listGuests(storePath: string): Promise<{ readonly folder: string; readonly wantedMs: number }[]> {
  const root = guestsFolder(storePath);
  return await Promise.all(
    (await namesIn(root)).map(async (name) => {
      const folder = join(root, name);
      return { folder, wantedMs: (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
}
