import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { systemCode, translateFileError } from '../../core/errors.ts';

/**
 * A mark of what lies at a path: whoever changes the bytes, the mode, the owner or the name of a file changes its ctime,
 * and no call sets that to a time of one's choice (inode(7)). Two equal marks are the same, unchanged file.
 * @returns undefined when there is no regular file, a link to one included
 */
export function markOfFile(path: string): string | undefined {
  const found = lstat(path);
  return found?.isFile() ? markOf(found) : undefined;
}

/** Size in bytes of a regular file or of what a link leads to, or undefined when there is none. */
export function sizeOfFile(path: string): number | undefined {
  try {
    const found = statSync(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw translateFileError(error, path);
  }
}

/** Longer than the clock of any kernel stands still between two times that it notes. */
const settledAfterMs = 50;

/**
 * The same, of a file that was not changed just now: two changes within one tick of the clock have one time, and a mark
 * from between them would be that of both.
 */
export function settledMarkOfFile(path: string): string | undefined {
  const found = lstat(path);
  const isSettled = found?.isFile() === true && Number(found.ctimeNs / 1_000_000n) + settledAfterMs < Date.now();
  return isSettled ? markOf(found) : undefined;
}

/** The same for a folder and everything in it; undefined as well when a path in it is longer than can be asked for. */
export function markOfTree(folder: string): string | undefined {
  if (!lstat(folder)?.isDirectory()) return undefined;
  const hash = createHash('sha256');
  try {
    visit(Buffer.from(folder), Buffer.alloc(0));
  } catch (error) {
    if (systemCode(error) === 'ENAMETOOLONG') return undefined;
    throw error;
  }
  return hash.digest('hex');

  function visit(at: Buffer, name: Buffer): void {
    const found = lstat(at);
    if (!found) return;
    hash.update(`${name.length} `).update(name);
    // The folder itself is renamed into its place.
    const isRoot = name.length === 0;
    const link = found.isSymbolicLink() ? readlinkSync(at, 'buffer') : Buffer.alloc(0);
    hash.update(` ${isRoot ? '' : markOf(found)} ${found.mode} ${found.uid} ${found.gid} ${link.length} `).update(link);
    if (!found.isDirectory()) return;
    const inside = readdirSync(at, { encoding: 'buffer' }).sort(Buffer.compare);
    hash.update(` ${inside.length}\n`);
    for (const child of inside) visit(Buffer.concat([at, Buffer.from('/'), child]), child);
  }
}

type Found = NonNullable<ReturnType<typeof lstat>>;

function markOf({ ino, size, mtimeNs, ctimeNs }: Found): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

function lstat(path: string | Buffer) {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
