import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exec } from './exec.ts';
import { Failure, systemCode, translateFileError } from './errors.ts';

/** Writes a file so that readers and a crash see either the old or the new content, never a part. */
export async function writeFileAtomic(path: string, content: Uint8Array | string, mode = 0o644): Promise<void> {
  const temporary = join(dirname(path), `.tmp-${process.pid}-${randomUUID()}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw translateFileError(error, path);
  }
}

/** The same without waiting for the disk: a crash may lose it, and leaves no part of it. */
export async function replaceFile(path: string, content: string, mode = 0o644): Promise<void> {
  const temporary = join(dirname(path), `.tmp-${process.pid}-${randomUUID()}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, content, { mode, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw translateFileError(error, path);
  }
}

/** Up to here, waiting for a file costs less than having another thread wait for it. */
const smallBytes = 1 << 20;
const notThere = ['ENOENT', 'ENOTDIR'];

/**
 * A small file at once, and nothing that would have to be waited for.
 * @returns undefined when there is no regular file, `large` for one of more than 1 MiB
 */
export function readSmallFile(
  path: string,
  { followLinks }: { readonly followLinks: boolean },
): Buffer | 'large' | undefined {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW);
  let file: number;
  try {
    file = openSync(path, flags);
  } catch (error) {
    if ([...notThere, 'ELOOP', 'ENXIO', 'EISDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw translateFileError(error, path);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) return undefined;
    if (found.size > smallBytes) return 'large';
    // One byte more than it had, so that the end is seen and growth is noticed.
    const bytes = Buffer.allocUnsafe(found.size + 1);
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes.length; length += more)
      more = readSync(file, bytes, length, bytes.length - length, null);
    return length > found.size ? 'large' : bytes.subarray(0, length);
  } catch (error) {
    throw translateFileError(error, path);
  } finally {
    closeSync(file);
  }
}

/**
 * Text of a file that somebody else may have put there: no link is followed, nothing is waited for, and not more than
 * `maxBytes` are read. Undefined when there is no such regular file.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<string | undefined> {
  const small = readSmallFile(path, { followLinks: false });
  if (small !== 'large') return small && small.length <= maxBytes ? small.toString('utf8') : undefined;
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ([...notThere, 'ELOOP', 'ENXIO', 'EISDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw translateFileError(error, path);
  }
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= maxBytes ? await file.readFile('utf8') : undefined;
  } catch (error) {
    throw translateFileError(error, path);
  } finally {
    await file.close();
  }
}

/**
 * A folder for its owner alone, made when there is none. A link in its place would lead to what is somebody else's.
 * @throws Failure STORE_DAMAGED for one that is no folder of its own
 */
export async function privateFolder(path: string): Promise<string> {
  try {
    if (await mkdir(path, { recursive: true, mode: 0o700 })) await makeTopOfHierarchies(path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw translateFileError(error, path);
  }
  try {
    const found = await lstat(path);
    if (!found.isDirectory())
      throw new Failure('STORE_DAMAGED', `${path} is ${found.isSymbolicLink() ? 'a link' : 'no folder'}`, {
        hint: 'some other program put it there: move it away, and run again',
      });
    const own = process.geteuid?.();
    if (found.uid !== own) {
      // Its owner could change what is put there. Root takes it over: what lies there already is believed by its marks.
      if (own !== 0)
        throw new Failure('STORE_DAMAGED', `${path} belongs to the user ${found.uid}, and this is the user ${own}`, {
          hint: 'run as that user, as with sudo before, or remove the folder: what it holds is made again',
        });
      await lchown(path, 0, 0);
    }
    // Older versions left it open.
    if ((found.mode & 0o077) !== 0) await chmod(path, 0o700);
  } catch (error) {
    throw translateFileError(error, path);
  }
  return path;
}

/**
 * Tells the file system that folders in this one have nothing to do with each other (chattr(1), T). ext4 puts files
 * beside those of their neighbours, and asks of each inode there that was deleted in the last minutes again whether it
 * may be used, for every new file: trees that are made and removed all the time cost several times their price then.
 */
export async function makeTopOfHierarchies(folder: string): Promise<void> {
  // A file system without it is only slower, or has no need.
  await exec('chattr', ['+T', folder]).catch(() => {});
}

/**
 * Removes whatever somebody else put there, paths that are longer than the kernel takes at once as well.
 * @throws Failure when something stays
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (systemCode(error) !== 'ENAMETOOLONG') throw translateFileError(error, path);
    // It goes from folder to folder.
    const removed = await exec('rm', ['-rf', '--', path]);
    if (removed.exitCode !== 0)
      throw new Failure('FILE_UNUSABLE', `${path} cannot be removed: ${removed.stderr.trim().slice(0, 200)}`);
  }
}

/** Names in a folder; none where there is no folder, or a link to one. */
export async function namesIn(path: string): Promise<string[]> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() ? await readdir(path) : [];
}

/** Makes a rename durable: the folder entry itself must reach the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems refuse fsync on folders; their rename is as durable as they make it.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** The file's text, or undefined when there is none. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (notThere.includes(systemCode(error) ?? '')) return undefined;
    throw translateFileError(error, path);
  }
}

/** Size in bytes of a regular file, or undefined when there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (notThere.includes(systemCode(error) ?? '')) return undefined;
    throw translateFileError(error, path);
  }
}
