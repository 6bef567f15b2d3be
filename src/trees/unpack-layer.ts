import { createHash } from 'node:crypto';
import { chmod, chown, lchown, link, lstat, lutimes, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SingleFlight } from '../core/concurrency.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { Failure, systemCode, translateFileError } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { baseName } from '../formats/tar/path.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import { createListing, noteListing } from './layer-listing.ts';
import { decompressLayer } from '../store/decompress-layer.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { isProven } from '../store/proven-layers.ts';

const flights = new SingleFlight<string>();

/**
 * A folder with a layer's files, for overlay mounts: unpacked once per diffID, proven against both digests on the way.
 * Needs root, because owners matter.
 * @returns the folder's path
 */
export function unpackLayer(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<string> {
  const folder = join(store.stateFolder, 'unpacked', hexOf(diffId));
  return flights.run(folder, async () => {
    if (await exists(folder)) return folder;
    const temporary = `${folder}.${process.pid}.tmp`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true, mode: 0o755 });
    try {
      await unpack(store, layer, { diffId, folder: temporary });
      await rename(temporary, folder);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      // Another process was faster: its folder is as good as ours.
      if (['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) return folder;
      throw translateFileError(error, folder);
    }
    return folder;
  });
}

async function unpack(
  store: LayoutStore,
  layer: Descriptor,
  { diffId, folder }: { diffId: Digest; folder: string },
): Promise<void> {
  const hash = (await isProven(store, layer.digest, diffId)) ? undefined : createHash('sha256');
  const name = `layer ${layer.digest}`;
  async function* hashed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      hash?.update(chunk);
      yield chunk;
    }
  }
  const tar = hashed(decompressLayer(store.openBlob(layer), layer));
  const parents = realParents(folder, name);
  const listing = createListing(diffId);
  const folders: { readonly path: string; readonly mtime: number }[] = [];
  for await (const { entry, content } of readTar(tar, { name, maxEntries: 1_000_000, maxTotalBytes: 16 * 2 ** 30 })) {
    const path = join(folder, entry.path);
    if (baseName(entry.path).startsWith('.wh.')) throw new NeedsLayersBelow(entry.path);
    const kept: Buffer[] | undefined = listing.wants(entry) ? [] : undefined;
    if (!kept) listing.add(entry);
    await parents.require(entry.path);
    switch (entry.kind) {
      case 'directory':
        await mkdir(path, { recursive: true });
        folders.push({ path, mtime: entry.mtime });
        break;
      case 'symlink':
        await symlink(entry.linkTarget ?? '', path);
        await lchown(path, entry.uid, entry.gid);
        continue;
      case 'hardlink':
        await parents.require(entry.linkTarget ?? '');
        await link(join(folder, entry.linkTarget ?? ''), path).catch((error: unknown) => {
          if (systemCode(error) === 'ENOENT') throw new NeedsLayersBelow(entry.path);
          throw error;
        });
        continue;
      // The reader refuses these; an image of others is unpacked as a whole.
      case 'character':
      case 'block':
      case 'fifo':
        continue;
      case 'file': {
        const file = await open(path, 'wx', 0o600);
        try {
          for await (const chunk of content()) {
            await file.write(chunk);
            kept?.push(Buffer.from(chunk));
          }
          if (kept) listing.add(entry, Buffer.concat(kept));
        } finally {
          await file.close();
        }
        break;
      }
    }
    await chown(path, entry.uid, entry.gid);
    await chmod(path, entry.mode);
    if (entry.kind === 'file') await lutimes(path, entry.mtime, entry.mtime);
  }
  for await (const rest of tar) void rest;
  for (const { path, mtime } of folders.reverse()) await lutimes(path, mtime, mtime);
  const found = hash === undefined ? diffId : `sha256:${hash.digest('hex')}`;
  if (found !== diffId)
    throw new Failure('INTEGRITY', `${name} unpacks to ${found}, the image says ${diffId}`, {
      hint: 'the image is damaged; build it again',
    });
  await noteListing(store, diffId, listing.entries);
}

/** A layer that says what is gone, or links to a file of another: it means nothing without those below. */
export class NeedsLayersBelow extends Error {}

/**
 * No entry may be written through a symlink that an earlier entry made: that is how archives escape. Each folder is
 * looked at once: an entry never replaces one that is there, so a folder stays a folder.
 */
function realParents(root: string, name: string) {
  const seen = new Set<string>();
  return {
    async require(path: string): Promise<void> {
      const parent = dirname(path);
      if (parent === '.' || seen.has(parent)) return;
      let at = root;
      for (const part of parent.split('/')) {
        at = join(at, part);
        const found = await lstat(at).catch(() => undefined);
        if (found === undefined) throw new NeedsLayersBelow(path);
        else if (!found.isDirectory()) {
          throw new Failure('ARCHIVE_HOSTILE', `${name}: ${path} goes through ${part}, which is no folder`, {
            hint: 'the image was not run',
          });
        }
      }
      seen.add(parent);
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
