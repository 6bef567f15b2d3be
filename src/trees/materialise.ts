import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ContentAccess } from './content-access.ts';
import { contentSize, type ImageTree, type TreeEntry, type TreeNode } from './image-tree.ts';

/** How a path looked when it was written: inode and change time cannot be set back by a program. */
export type Footprint = string;

/** Entries between two looks at what else there is to do. */
const batch = 200;
/** Files up to this size are written in one piece. */
const wholeBytes = 1 << 20;

/**
 * Writes a tree to an empty folder with its owners and modes, for a sandbox to work in. Needs root. The calls are
 * synchronous: for ten thousands of small files, waiting for each takes several times as long as the work.
 * @returns the footprint of each path that is no folder
 */
export async function materialise(
  tree: ImageTree,
  folder: string,
  contents: ContentAccess,
): Promise<ReadonlyMap<string, Footprint>> {
  const entries = tree.entries();
  const footprints = new Map<string, Footprint>();
  for (const [at, entry] of entries.entries()) {
    if (entry.node.kind === 'file' && contentSize(entry.node.content) > wholeBytes)
      await writeLarge(entry.node, join(folder, entry.path), contents);
    else writeEntry(entry, folder, contents);
    if (at % batch === 0) await turn();
  }
  // After the last hard link: it changes the file that it names.
  for (const { path, node } of entries) {
    if (['directory', 'character', 'block', 'fifo'].includes(node.kind)) continue;
    footprints.set(path, footprintOf(join(folder, path)));
  }
  return footprints;
}

function writeEntry({ path, node }: TreeEntry, folder: string, contents: ContentAccess): void {
  const target = join(folder, path);
  switch (node.kind) {
    // A container's runtime brings its own devices.
    case 'character':
    case 'block':
    case 'fifo':
      return;
    case 'directory':
      mkdirSync(target, 0o755);
      if (node.uid !== 0 || node.gid !== 0) lchownSync(target, node.uid, node.gid);
      chmodSync(target, node.mode);
      lutimesSync(target, node.mtime, node.mtime);
      return;
    case 'symlink':
      symlinkSync(node.target, target);
      if (node.uid !== 0 || node.gid !== 0) lchownSync(target, node.uid, node.gid);
      return;
    case 'hardlink':
      linkSync(join(folder, node.target), target);
      return;
    case 'file': {
      const file = openSync(target, 'wx', 0o600);
      const bytes = contents.read(node.content);
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      finishFile(file, target, node);
    }
  }
}

async function writeLarge(node: TreeNode & { kind: 'file' }, target: string, contents: ContentAccess): Promise<void> {
  const file = openSync(target, 'wx', 0o600);
  for await (const chunk of contents.stream(node.content))
    for (let done = 0; done < chunk.length;) done += writeSync(file, chunk, done);
  finishFile(file, target, node);
}

function finishFile(file: number, target: string, node: TreeNode): void {
  if (node.uid !== 0 || node.gid !== 0) fchownSync(file, node.uid, node.gid);
  fchmodSync(file, node.mode);
  closeSync(file);
  lutimesSync(target, node.mtime, node.mtime);
}

export function footprintOf(path: string): Footprint {
  const stats = lstatSync(path, { bigint: true });
  return `${stats.ino} ${stats.ctimeNs} ${stats.size} ${stats.nlink}`;
}
