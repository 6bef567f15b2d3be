import { parentOf, resolveLink } from '../../formats/tar/path.ts';

/** Folders that Debian merges into `/usr`; `sbin` stays apart from `bin`. */
const merged = new Set(['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']);

export function isMergedFolder(path: string): boolean {
  return merged.has(path);
}

export function mergePath(path: string): string {
  return merged.has(path.split('/')[0] ?? '') ? `usr/${path}` : path;
}

/** A relative link that moved one folder down, or points into a folder that moved, is written anew. */
export function mergeTarget(path: string, target: string): string {
  if (target.startsWith('/')) return target;
  const wanted = mergePath(resolveLink(path, target));
  const moved = mergePath(path);
  if (resolveLink(moved, target) === wanted) return target;
  const up = parentOf(moved)
    .split('/')
    .filter(Boolean)
    .map(() => '..');
  return [...up, wanted].join('/');
}
