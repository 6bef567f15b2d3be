import { lstat, readFile, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Every file of a folder, links and pipes left out, by path. */
export async function filesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) found.push(join(entry.parentPath, entry.name));
  return found.sort();
}

const ways = ['bit', 'cut', 'swap', 'copy', 'link', 'remove', 'zero', 'grow'] as const;

/**
 * Changes one file in one way that somebody who may write there could choose.
 * @param older a folder with an earlier state of the same files
 * @returns what was done, for a message
 */
export async function poison(folder: string, older: string, next: () => number): Promise<string> {
  const files = await filesOf(folder);
  const pick = (): string => files[Math.floor(next() * files.length)] ?? '';
  const path = pick();
  const way = ways[Math.floor(next() * ways.length)] ?? 'bit';
  const { size } = await lstat(path);
  switch (way) {
    case 'bit': {
      const bytes = await readFile(path);
      const at = Math.floor(next() * size);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(next() * 8));
      await writeFile(path, bytes);
      break;
    }
    case 'cut':
      await truncate(path, Math.floor(next() * size));
      break;
    case 'swap': {
      const other = pick();
      if (other === path) break;
      await rename(path, `${path}.swap`);
      await rename(other, path);
      await rename(`${path}.swap`, other);
      break;
    }
    case 'copy': {
      const before = await readFile(join(older, path.slice(folder.length))).catch(() => undefined);
      if (before) await writeFile(path, before);
      break;
    }
    case 'link':
      await rm(path);
      await symlink(next() < 0.5 ? pick() : '/etc/hostname', path);
      break;
    case 'remove':
      await rm(path);
      break;
    case 'zero':
      await writeFile(path, Buffer.alloc(Math.min(size, 1 << 20)));
      break;
    case 'grow':
      await writeFile(path, Buffer.concat([await readFile(path), Buffer.from('\n{}')]));
      break;
  }
  return `${way} ${path.slice(folder.length + 1)}`;
}
