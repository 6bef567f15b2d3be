import type { Digest } from '../core/digest.ts';
import type { TarEntry } from '../formats/tar/entry.ts';
import type { FileContent, TreeNode } from './image-tree.ts';

/** An archive's entry as a node of a tree; the bytes of a file are where the caller says. */
export function toTreeNode(entry: TarEntry, content: FileContent): TreeNode {
  const { mode, uid, gid, mtime, kind, xattrs } = entry;
  const owner = { mode, uid, gid, mtime };
  const more = xattrs ? { xattrs } : {};
  switch (kind) {
    case 'file':
      return { kind, ...owner, ...more, content };
    case 'directory':
      return { kind, ...owner, ...more };
    case 'symlink':
    case 'hardlink':
      return { kind, ...owner, target: entry.linkTarget ?? '' };
    case 'character':
    case 'block':
    case 'fifo':
      return { kind, ...owner, device: entry.device ?? { major: 0, minor: 0 } };
  }
}

export function sliceOf(input: Digest, offset: number, sizeBytes: number): FileContent {
  return { kind: 'slice', input, offset, sizeBytes };
}

/** `JSON.stringify` of trees: extended attributes and contents are bytes, and JSON has none. */
export function treeJson(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    // A Buffer has turned itself into a list of numbers by now.
    if (key === 'bytes') return Buffer.from((item as { data: number[] }).data).toString('base64');
    return key === 'xattrs' ? mapValues(item, (bytes) => Buffer.from(bytes as Uint8Array).toString('base64')) : item;
  });
}

export function parseTreeJson(text: string): unknown {
  return JSON.parse(text, (key, item: unknown) => {
    if (key === 'bytes') return Buffer.from(item as string, 'base64');
    return key === 'xattrs' ? mapValues(item, (value) => Buffer.from(value as string, 'base64')) : item;
  });
}

function mapValues(item: unknown, change: (value: unknown) => unknown): unknown {
  if (typeof item !== 'object' || item === null) return item;
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, change(value)]));
}
