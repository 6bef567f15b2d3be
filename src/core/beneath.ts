import { constants } from 'node:fs';
import { lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { systemCode } from './errors.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

export interface Beneath {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly target?: string;
}

/** Why something under a folder cannot be had, in words for whoever named it. */
export class BeneathError extends Error {}

/**
 * A folder that is read by handles: each step goes from an open folder to what lies in it, and no link is followed, not
 * even one that somebody puts there in between (openat(2) with O_NOFOLLOW, by the names under `/proc/self/fd`). What was
 * looked at is what is read.
 */
export interface Folder {
  /** @param path relative, with `/` between its parts; `.` is the folder itself @returns undefined when nothing is there */
  look(path: string): Promise<Beneath | undefined>;
  /**
   * The same path without the links in its folders, as far as they stay here; what it ends with is not followed.
   * @throws BeneathError for links that lead out, or in a circle
   */
  resolve(path: string): Promise<string>;
  /** Names in a folder, not sorted. */
  list(path: string): Promise<string[]>;
  /** @throws BeneathError for what is no file, or larger than `maxBytes` */
  read(path: string, maxBytes: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** @param root may itself be reached over links: it is the one that was named */
export async function openFolder(root: string): Promise<Folder> {
  const top = await open(root, O_RDONLY | O_DIRECTORY);

  /** Runs `work` with the folder that a path lies in, and its name there. */
  async function within<T>(path: string, work: (place: string) => Promise<T>): Promise<T> {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..') || path.includes('\0')) throw new BeneathError(`${path} leads out of its folder`);
    const name = parts.pop();
    if (name === undefined) return await work(`/proc/self/fd/${top.fd}/.`);
    let at = top;
    try {
      for (const [index, part] of parts.entries()) {
        const next = await step(at, part, parts.slice(0, index + 1).join('/'));
        if (at !== top) await at.close();
        at = next;
      }
      return await work(`/proc/self/fd/${at.fd}/${name}`);
    } finally {
      if (at !== top) await at.close();
    }
  }

  const folder: Folder = {
    async resolve(path) {
      const open = path.split('/').filter((part) => part !== '' && part !== '.');
      const done: string[] = [];
      for (let hops = 0; open.length > 0;) {
        const part = String(open.shift());
        if (part === '..') {
          if (done.pop() === undefined) throw new BeneathError(`${path} leads out of its folder over a link`);
          continue;
        }
        const place = [...done, part].join('/');
        const found = open.length > 0 ? await folder.look(place) : undefined;
        if (found?.kind !== 'symlink') {
          done.push(part);
          continue;
        }
        if (++hops > 40) throw new BeneathError(`${path} leads in a circle`);
        const target = found.target ?? '';
        if (target.startsWith('/')) throw new BeneathError(`${path} leads out of its folder over a link`);
        open.unshift(...target.split('/').filter((one) => one !== '' && one !== '.'));
      }
      return done.join('/') || '.';
    },
    async look(path) {
      try {
        return await within(path, async (place) => {
          const found = await lstat(place);
          const about = { sizeBytes: found.size, mode: found.mode & 0o7777 };
          if (found.isDirectory()) return { kind: 'directory', ...about };
          if (found.isSymbolicLink()) return { kind: 'symlink', ...about, target: await readlink(place) };
          if (found.isFile()) return { kind: 'file', ...about };
          throw new BeneathError(`${path} is neither a file nor a folder`);
        });
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async list(path) {
      return await within(path, async (place) => {
        const folder = await open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        try {
          return await readdir(`/proc/self/fd/${folder.fd}`);
        } finally {
          await folder.close();
        }
      });
    },
    async read(path, maxBytes) {
      return await within(path, async (place) => {
        // A pipe or a device would keep the reader waiting.
        const file = await open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
          if (systemCode(error) === 'ELOOP') throw new BeneathError(`${path} is a link`);
          throw error;
        });
        try {
          const { size } = await requireFile(file, path);
          if (size > maxBytes) throw new BeneathError(`${path} is larger than ${maxBytes} bytes`);
          return await file.readFile();
        } finally {
          await file.close();
        }
      });
    },
    close: () => top.close(),
  };
  return folder;
}

async function step(at: FileHandle, part: string, path: string): Promise<FileHandle> {
  try {
    return await open(`/proc/self/fd/${at.fd}/${part}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (['ELOOP', 'ENOTDIR'].includes(systemCode(error) ?? '')) {
      const found = await lstat(`/proc/self/fd/${at.fd}/${part}`).catch(() => undefined);
      throw new BeneathError(
        found?.isSymbolicLink() ? `${path} is a link, and is not followed` : `${path} is no folder`,
      );
    }
    throw error;
  }
}

async function requireFile(file: FileHandle, path: string) {
  const found = await file.stat();
  if (!found.isFile()) throw new BeneathError(`${path} is no file`);
  return found;
}
