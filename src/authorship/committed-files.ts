import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Git } from './git.ts';

const maxFiles = 20_000;

/**
 * Compares files on disk with the last commit by content: what the index of the work tree says can be set by anybody.
 * @param paths files and folders, relative to `top`
 * @returns those that are not as they were committed: changed, added, gone, or of another repository
 */
export async function uncommittedFiles(git: Git, top: string, paths: readonly string[]): Promise<string[]> {
  const committed = new Map<string, string>();
  for (const line of (await git(['ls-tree', '-r', '-z', '--full-tree', 'HEAD', ...pathspec(paths)])).split('\0')) {
    const [, kind, id, path] = /^\d+ (\w+) ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    if (path !== undefined) committed.set(path, kind === 'blob' ? String(id) : '');
  }
  const odd: string[] = [];
  const seen = new Set<string>();
  for (const named of paths)
    for await (const path of filesUnder(top, named)) {
      if (seen.has(path)) continue;
      seen.add(path);
      if (seen.size > maxFiles) return [...odd, `${named} (more than ${maxFiles} files)`];
      const id = committed.get(path);
      if (id === undefined || (await blobId(join(top, path), id.length === 64 ? 'sha256' : 'sha1')) !== id)
        odd.push(path);
    }
  return [...odd, ...[...committed.keys()].filter((path) => !seen.has(path))];
}

async function* filesUnder(top: string, path: string): AsyncGenerator<string> {
  const found = await lstat(join(top, path)).catch(() => undefined);
  if (!found) return;
  if (!found.isDirectory()) {
    yield path;
    return;
  }
  for (const entry of await readdir(join(top, path), { withFileTypes: true })) {
    // Whole repositories and stores lie in folders of tests now and then; neither is part of a test.
    if (entry.name === '.git' || entry.name === '.nodeworthy') continue;
    const inside = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) yield* filesUnder(top, inside);
    else yield inside;
  }
}

/** Name of a file's content in git: a hash over `blob SIZE\0` and the bytes. */
async function blobId(path: string, algorithm: 'sha1' | 'sha256'): Promise<string | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isFile() && !found.isSymbolicLink()) return undefined;
  const bytes = found.isFile() ? await readFile(path) : Buffer.from(await readlink(path));
  return createHash(algorithm).update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** Arguments of git for paths in its work tree; '' is all of it. */
export function pathspec(paths: readonly string[]): string[] {
  return paths.includes('') ? [] : ['--', ...paths];
}

/** @returns the path inside of a work tree, or undefined for one outside of it; the tree itself is '' */
export function pathIn(top: string, path: string): string | undefined {
  const inside = relative(top, path);
  return inside === '..' || inside.startsWith('../') ? undefined : inside;
}
