import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Failure } from '../../../core/errors.ts';
import { ImageTree, type TreeNode } from '../../../trees/image-tree.ts';
import { footprintOf, type Footprint } from '../../../trees/materialise.ts';
import { isScrubbed } from './scrub.ts';

export interface CollectInput {
  readonly folder: string;
  /** What was written there before the scripts ran. */
  readonly before: ImageTree;
  readonly footprints: ReadonlyMap<string, Footprint>;
  /** Time of everything that the scripts made or changed. */
  readonly mtime: number;
}

const maxChangedBytes = 256 << 20;

/**
 * The folder as a tree again: what the scripts left alone keeps its reference, what they made or changed is read, and
 * what says when or where they ran is left out.
 */
export async function collect({ folder, before, footprints, mtime }: CollectInput): Promise<ImageTree> {
  const tree = new ImageTree(mtime);
  let changedBytes = 0;
  async function visit(at: string): Promise<void> {
    await turn();
    for (const name of readdirSync(join(folder, at))) {
      const path = at === '' ? name : `${at}/${name}`;
      const full = join(folder, path);
      const stats = lstatSync(full);
      if (isScrubbed(path, stats.isDirectory())) continue;
      const known = before.get(path);
      const owner = { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
      if (stats.isDirectory()) {
        const kept = known?.kind === 'directory' && known.mode === owner.mode && known.uid === owner.uid;
        tree.set(path, { kind: 'directory', ...owner, mtime: kept && known.gid === owner.gid ? known.mtime : mtime });
        await visit(path);
        continue;
      }
      if (known && footprints.get(path) === footprintOf(full)) {
        tree.set(path, known);
        continue;
      }
      if (stats.isSymbolicLink())
        tree.set(path, { kind: 'symlink', ...owner, mode: 0o777, mtime, target: readlinkSync(full) });
      else if (stats.isFile()) {
        changedBytes += stats.size;
        if (changedBytes > maxChangedBytes)
          throw new Failure('SOURCE_INVALID', `maintainer scripts changed more than ${maxChangedBytes} bytes`);
        tree.set(path, changedFile(full, owner, mtime));
      }
    }
  }
  await visit('');
  return tree;
}

function changedFile(
  path: string,
  owner: { readonly mode: number; readonly uid: number; readonly gid: number },
  mtime: number,
): TreeNode {
  return { kind: 'file', ...owner, mtime, content: { kind: 'bytes', bytes: readFileSync(path) } };
}
