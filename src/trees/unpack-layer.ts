import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SingleFlight } from '../core/concurrency.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { Failure, systemCode, translateFileError } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { baseName } from '../formats/tar/path.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import { createListing, noteListing } from './layer-listing.ts';
import { withProcessLock } from '../core/process-lock.ts';
import { dropKept, keptFolder, keptPath, noteKept, readKept, type KeptFile } from '../store/kept-files.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { openLayer, readToEnd } from './open-layer.ts';

const flights = new SingleFlight<string>();

/**
 * A folder with a layer's files, for overlay mounts: unpacked once per diffID, proven against both digests on the way.
 * Needs root, because owners matter.
 * @returns the folder's path
 */
export function unpackLayer(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<string> {
  return unpackOnce(store, hexOf(diffId), (folder) => unpack(store, layer, { diffId, folder }));
}

/**
 * A folder by the name of what is in it: used again when nobody touched it since, and made again when somebody did.
 * @param fill writes what belongs there into an empty folder
 */
export function unpackOnce(store: LayoutStore, name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const kept: KeptFile = { kind: 'unpacked', name };
  const folder = keptPath(store, kept);
  return flights.run(folder, async () => {
    if ((await readKept(store, kept)) !== undefined) return folder;
    await keptFolder(store, kept.kind);
    // Two processes that make the same do so one after the other: the second finds it made.
    return await withProcessLock(`${folder}.lock`, async () => {
      if ((await readKept(store, kept)) !== undefined) return folder;
      const temporary = `${folder}.${process.pid}.tmp`;
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary, { mode: 0o755 });
      try {
        await fill(temporary);
        await dropKept(store, kept);
        await rename(temporary, folder);
        await noteKept(store, kept, '');
      } catch (error) {
        await rm(temporary, { recursive: true, force: true });
        throw translateFileError(error, folder);
      }
      return folder;
    });
  });
}

async function unpack(
  store: LayoutStore,
  layer: Descriptor,
  { diffId, folder }: { diffId: Digest; folder: string },
): Promise<void> {
  const name = `layer ${layer.digest}`;
  const tar = openLayer(store, layer, diffId);
  const parents = realParents(folder, name);
  const listing = createListing(diffId);
  const folders: { readonly path: string; readonly mtime: number }[] = [];
  for await (const { entry, content } of readTar(tar, { name, maxEntries: 1_000_000, maxTotalBytes: 16 * 2 ** 30 })) {
    const path = join(folder, entry.path);
    if (baseName(entry.path).startsWith('.wh.')) throw new NeedsLayersBelow(entry.path);
    const kept: Buffer[] | undefined = listing.wants(entry) ? [] : undefined;
    if (!kept) listing.add(entry);
    parents.require(entry.path);
    // Layers are thousands of small files: each call that waits for another thread costs more than what it does.
    switch (entry.kind) {
      case 'directory':
        mkdirSync(path, { recursive: true });
        chownSync(path, entry.uid, entry.gid);
        chmodSync(path, entry.mode);
        folders.push({ path, mtime: entry.mtime });
        break;
      case 'symlink':
        symlinkSync(entry.linkTarget ?? '', path);
        lchownSync(path, entry.uid, entry.gid);
        break;
      case 'hardlink':
        parents.require(entry.linkTarget ?? '');
        try {
          linkSync(join(folder, entry.linkTarget ?? ''), path);
        } catch (error) {
          throw systemCode(error) === 'ENOENT' ? new NeedsLayersBelow(entry.path) : error;
        }
        break;
      // The reader refuses these; an image of others is unpacked as a whole.
      case 'character':
      case 'block':
      case 'fifo':
        break;
      case 'file': {
        const file = openSync(path, 'wx', 0o600);
        try {
          for await (const chunk of content()) {
            for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
            kept?.push(Buffer.from(chunk));
          }
          if (kept) listing.add(entry, Buffer.concat(kept));
          fchownSync(file, entry.uid, entry.gid);
          fchmodSync(file, entry.mode);
          futimesSync(file, entry.mtime, entry.mtime);
        } finally {
          closeSync(file);
        }
        break;
      }
    }
  }
  await readToEnd(tar);
  for (const { path, mtime } of folders.reverse()) lutimesSync(path, mtime, mtime);
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
    require(path: string): void {
      const parent = dirname(path);
      if (parent === '.' || seen.has(parent)) return;
      let at = root;
      for (const part of parent.split('/')) {
        at = join(at, part);
        const found = lstatSync(at, { throwIfNoEntry: false });
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
