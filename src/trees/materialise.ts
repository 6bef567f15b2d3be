import { chmod, lchown, link, lstat, lutimes, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentAccess } from './content-access.ts';
import type { ImageTree } from './image-tree.ts';

/** How a path looked when it was written: inode and change time cannot be set back by a program. */
export type Footprint = string;

/**
 * Writes a tree to an empty folder with its owners and modes, for a sandbox to work in. Needs root.
 * @returns the footprint of each path that is no folder
 */
export async function materialise(
  tree: ImageTree,
  folder: string,
  contents: ContentAccess,
): Promise<ReadonlyMap<string, Footprint>> {
  const entries = tree.entries();
  for (const { path, node } of entries) {
    const target = join(folder, path);
    switch (node.kind) {
      case 'directory':
        await mkdir(target, { mode: 0o755 });
        break;
      case 'symlink':
        await symlink(node.target, target);
        await lchown(target, node.uid, node.gid);
        continue;
      case 'hardlink':
        await link(join(folder, node.target), target);
        continue;
      // A container's runtime brings its own devices.
      case 'character':
      case 'block':
      case 'fifo':
        continue;
      case 'file': {
        const file = await open(target, 'wx', 0o600);
        try {
          for await (const chunk of contents.stream(node.content)) await file.write(chunk);
        } finally {
          await file.close();
        }
        break;
      }
    }
    if (node.uid !== 0 || node.gid !== 0) await lchown(target, node.uid, node.gid);
    await chmod(target, node.mode);
    await lutimes(target, node.mtime, node.mtime);
  }
  const footprints = new Map<string, Footprint>();
  for (const { path, node } of entries)
    if (!['directory', 'character', 'block', 'fifo'].includes(node.kind))
      footprints.set(path, await footprintOf(join(folder, path)));
  return footprints;
}

export async function footprintOf(path: string): Promise<Footprint> {
  const stats = await lstat(path, { bigint: true });
  return `${stats.ino} ${stats.ctimeNs} ${stats.size} ${stats.nlink}`;
}
