import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { systemCode } from '../../core/errors.ts';

/**
 * A mark of what lies at a path: whoever changes the bytes, the mode, the owner or the name of a file changes its ctime,
 * and no call sets that to a time of one's choice (inode(7)). Two equal marks are the same, unchanged file.
 * @returns undefined when there is no regular file, a link to one included
 */
export function markOfFile(path: string): string | undefined {
  const found = lstat(path);
  return found?.isFile() ? markOf(found) : undefined;
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
