import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const intervalMs = 200;

export interface Watched {
  /** Empty at the beginning. */
  readonly upper: string;
  /** Folders and files that can be written and are there already. */
  readonly binds: readonly string[];
}

/**
 * Tells when folders hold more than they may together. The file system's own free space is asked often, which costs
 * nothing; they are measured only when that shrank by what would matter.
 */
export function watchDisk({ upper, binds }: Watched, limitBytes: number, onExceeded: () => void): { stop(): void } {
  const folders = [upper, ...binds];
  // What was copied there before is not written by whoever is watched.
  const before = usedBytes(binds, Infinity);
  let mostFree = 0;
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void look().finally(() => (isBusy = false));
  }, intervalMs);
  timer.unref();

  async function look(): Promise<void> {
    const free = Math.min(...(await Promise.all(folders.map(freeBytes))));
    // Others free some meanwhile, and what is written counts from there on.
    mostFree = Math.max(mostFree, free);
    if (mostFree - free < limitBytes / 2) return;
    const most = (await before) + limitBytes;
    if ((await usedBytes(folders, most)) > most) onExceeded();
  }
  return { stop: () => clearInterval(timer) };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize;
}

/** Blocks that files and folders take, counted until they are more than `enough`; whatever has a name takes some. */
async function usedBytes(paths: readonly string[], enough: number): Promise<number> {
  let used = 0;
  const open = [...paths];
  for (let at = open.pop(); at !== undefined && used <= enough; at = open.pop()) {
    const found = await lstat(at).catch(() => undefined);
    used += Math.max(1, found?.blocks ?? 0) * 512;
    if (found?.isDirectory()) for (const name of await readdir(at).catch(() => [])) open.push(join(at, name));
  }
  return used;
}
