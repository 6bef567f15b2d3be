import { chmod, chown, lchown, lstat, mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { removeTree } from '../../core/files.ts';
import { Failure } from '../../core/errors.ts';
import { resolveLink } from '../../formats/tar/path.ts';
import type { LayerFile } from '../runtime.ts';
import { findBelow } from './find-in-layers.ts';

export interface LayerFolder {
  readonly folder: string;
  readonly below: readonly string[];
}

/** Puts the files of a test layer where the image would have them. */
export async function writeLayerFiles(layer: LayerFolder, files: readonly LayerFile[]): Promise<void> {
  const parents = new Map<string, Promise<string>>();
  for (const file of files) {
    // Whoever writes a path with `..` stays in the image all the same.
    const path = posix.resolve('/', file.path).slice(1);
    const folder = dirname(path);
    const parent = parents.get(folder) ?? makeParents(layer, folder);
    parents.set(folder, parent);
    await writeLayerFile(join(await parent, basename(path)), file);
    // A link that takes the place of a folder changes where paths lead.
    if (file.kind === 'symlink') parents.clear();
  }
}

async function writeLayerFile(path: string, file: LayerFile): Promise<void> {
  if (file.kind === 'symlink') {
    await removeTree(path);
    await symlink(file.target ?? '', path);
    await lchown(path, file.uid, file.gid);
    return;
  }
  if (file.kind === 'directory') {
    // Following a link here would change a folder of this machine.
    const stats = await lstat(path).catch(() => undefined);
    if (stats && !stats.isDirectory()) await rm(path);
    await mkdir(path, { recursive: true });
  } else {
    // A layer holds each path once: of two that were copied the last one counts, and is no link to another.
    await removeTree(path);
    await writeFile(path, file.bytes ?? new Uint8Array());
  }
  if (file.uid !== 0 || file.gid !== 0 || file.kind === 'directory') await chown(path, file.uid, file.gid);
  await chmod(path, file.mode);
}

/**
 * A folder of an upper layer hides owner and mode of the one below it, and replaces a symlink there: so each parent
 * is made like what the image has, and links are followed inside the image.
 */
async function makeParents({ folder, below }: LayerFolder, path: string): Promise<string> {
  let at = '';
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let hops = 0; parts.length > 0;) {
    const next = join(at, String(parts.shift()));
    const found = await findBelow([...below, folder], next);
    if (found?.stats.isSymbolicLink()) {
      if (hops++ >= 40)
        throw new Failure('ARCHIVE_HOSTILE', `/${path} leads over too many links`, { hint: 'the image is damaged' });
      parts.unshift(
        ...resolveLink(next, await readlink(found.path))
          .split('/')
          .filter(Boolean),
      );
      at = '';
      continue;
    }
    await mkdir(join(folder, next), { recursive: true });
    if (found) {
      await chown(join(folder, next), found.stats.uid, found.stats.gid);
      await chmod(join(folder, next), found.stats.mode & 0o7777);
    }
    at = next;
  }
  return join(folder, at);
}
