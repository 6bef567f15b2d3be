import { constants } from 'node:fs';
import { lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { mapConcurrent } from './concurrency.ts';
import { systemCode } from './errors.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

export interface Beneath {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly target?: string;
}

/** `other`: neither a file nor a folder nor a link. */
export interface Listed extends Omit<Beneath, 'kind'> {
  readonly name: string;
  readonly kind: Beneath['kind'] | 'other';
}

/** Each step is an open folder: nobody is led to take steps without end. */
const maxDepth = 100;

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
   * The same path without the links in its folders, as far as they stay here; what it ends with is followed when that
   * is asked for.
   * @throws BeneathError for links that lead out, or in a circle
   */
  resolve(path: string, end?: 'follow'): Promise<string>;
  /** What a folder holds, not sorted. */
  list(path: string): Promise<Listed[]>;
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
    if (parts.length > maxDepth) throw new BeneathError(`${shortened(path)} is more than ${maxDepth} folders deep`);
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

  /** As {@link within}; what is gone or cannot be read by now is told in words. */
  async function whole<T>(path: string, work: (place: string) => Promise<T>): Promise<T> {
    try {
      return await within(path, work);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      throw new BeneathError(code === 'ENOENT' ? `${path} is not there` : `${path} cannot be read: ${code}`);
    }
  }

  const folder: Folder = {
    async resolve(path, end) {
      const open = path.split('/').filter((part) => part !== '' && part !== '.');
      const done: string[] = [];
      for (let hops = 0; open.length > 0;) {
        const part = String(open.shift());
        if (part === '..') {
          if (done.pop() === undefined) throw new BeneathError(`${path} leads out of its folder over a link`);
          continue;
        }
        const place = [...done, part].join('/');
        const found = open.length > 0 || end === 'follow' ? await folder.look(place) : undefined;
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
          const { kind, ...about } = await lookAt(place);
          if (kind === 'other') throw new BeneathError(`${path} is neither a file nor a folder`);
          return { kind, ...about };
        });
      } catch (error) {
        const code = systemCode(error);
        if (code === 'ENOENT') return undefined;
        // Like a link that is a folder by the time it is read.
        throw code === undefined ? error : new BeneathError(`${path} cannot be read: ${code}`);
      }
    },
    async list(path) {
      return await whole(path, async (place) => {
        const opened = await open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        try {
          const here = `/proc/self/fd/${opened.fd}`;
          const names = await readdir(here);
          return await mapConcurrent(names, 16, async (name) => ({ name, ...(await lookAt(`${here}/${name}`)) }));
        } finally {
          await opened.close();
        }
      });
    },
    async read(path, maxBytes) {
      return await whole(path, async (place) => {
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

async function lookAt(place: string): Promise<Omit<Listed, 'name'>> {
  const found = await lstat(place);
  const about = { sizeBytes: found.size, mode: found.mode & 0o7777 };
  if (found.isDirectory()) return { kind: 'directory', ...about };
  if (found.isSymbolicLink()) return { kind: 'symlink', ...about, target: await readlink(place) };
  return { kind: found.isFile() ? 'file' : 'other', ...about };
}

function shortened(path: string): string {
  return path.length > 60 ? `${path.slice(0, 60)}…` : path;
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
