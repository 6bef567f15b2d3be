import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { resolveLink } from '../../formats/tar/path.ts';

export interface FoundFile {
  /** Path on this machine. */
  readonly path: string;
  readonly stats: Stats;
}

const maxHops = 40;

/**
 * A file as a container would find it: in the highest layer that has it, with links on the way followed inside of the
 * image, and gone where a layer above took it away.
 * @param layers folders, the lowest first
 */
export async function findInLayers(layers: readonly string[], path: string): Promise<FoundFile | undefined> {
  let at = '';
  let found: FoundFile | undefined;
  const parts = posix.resolve('/', path).split('/').filter(Boolean);
  if (parts.length === 0) return await findBelow(layers, '');
  // From here up: what lies under a folder that was taken away below it is gone too.
  let lowest = 0;
  for (let hops = 0; parts.length > 0;) {
    const next = join(at, String(parts.shift()));
    const seen = await look(layers, next, lowest);
    if (!seen) return undefined;
    lowest = seen.lowest;
    if (seen.file.stats.isSymbolicLink() && hops++ < maxHops) {
      parts.unshift(
        ...resolveLink(next, await readlink(seen.file.path))
          .split('/')
          .filter(Boolean),
      );
      at = '';
      lowest = 0;
      found = undefined;
      continue;
    }
    found = seen.file;
    at = next;
  }
  return found;
}

/** The highest layer's own file at a path; a link is not followed. */
export async function findBelow(layers: readonly string[], path: string): Promise<FoundFile | undefined> {
  return (await look(layers, path, 0))?.file;
}

async function look(
  layers: readonly string[],
  path: string,
  lowest: number,
): Promise<{ readonly file: FoundFile; readonly lowest: number } | undefined> {
  let file: FoundFile | undefined;
  for (let index = layers.length - 1; index >= lowest; index--) {
    const here = join(String(layers[index]), path);
    const stats = await lstat(here).catch(() => undefined);
    if (!stats) continue;
    // Character device 0,0: an overlay's mark for what is gone.
    const isGone = stats.isCharacterDevice() && stats.rdev === 0;
    if (isGone || (file && !stats.isDirectory())) return file && { file, lowest: index + 1 };
    file ??= { path: here, stats };
    if (!stats.isDirectory()) return { file, lowest: index };
  }
  return file && { file, lowest };
}
