/**
 * An archive's spelling of a path, made plain: no `./`, no double or trailing slash. Undefined when it is absolute,
 * has a `..` or a NUL: nothing of ours follows such a path. The empty string is the archive's root.
 */
export function normaliseArchivePath(raw: string): string | undefined {
  if (raw.startsWith('/') || raw.includes('\0')) return undefined;
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}

/** Every parent of a path, nearest last: `a/b/c` gives `a`, `a/b`. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

export function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '' : path.slice(0, cut);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Where a symlink at `path` points, as a path inside the archive; `..` above the root stays at the root. */
export function resolveLink(path: string, target: string): string {
  const start = target.startsWith('/') ? [] : parentOf(path).split('/').filter(Boolean);
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') start.pop();
    else start.push(part);
  }
  return start.join('/');
}
