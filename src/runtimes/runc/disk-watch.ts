import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const intervalMs = 200;

/**
 * Tells when a folder holds more than it may. The file system's own free space is asked often, which costs nothing;
 * the folder is measured only when that shrank by what would matter.
 */
export function watchDisk(folder: string, limitBytes: number, onExceeded: () => void): { stop(): void } {
  let lastFree: number | undefined;
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void look().finally(() => (isBusy = false));
  }, intervalMs);
  timer.unref();

  async function look(): Promise<void> {
    const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
    const free = bavail * bsize;
    lastFree ??= free;
    if (lastFree - free < limitBytes / 2) return;
    if ((await usedBytes(folder, limitBytes)) > limitBytes) onExceeded();
  }
  return { stop: () => clearInterval(timer) };
}

/** Blocks that a folder takes, counted until they are more than `enough`. */
async function usedBytes(folder: string, enough: number): Promise<number> {
  let used = 0;
  const open = [folder];
  for (let at = open.pop(); at !== undefined && used <= enough; at = open.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) open.push(path);
      else used += ((await lstat(path).catch(() => undefined))?.blocks ?? 0) * 512;
    }
  }
  return used;
}
