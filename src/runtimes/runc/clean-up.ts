import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '../../core/files.ts';
import { exec } from '../../core/exec.ts';
import { isAlive } from '../process-alive.ts';
import { listGroupOwners, removeGroups } from './control-group.ts';

/** Folders of runs, with the number of the process they belong to. */
export const homePrefix = 'nodeworthy-runc-';

/** Takes away what runs left that were killed: their folders carry their process number. */
export async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${homePrefix}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    for (const id of await readdir(join(folder, 'state')).catch(() => [])) {
      await exec('runc', ['--root', join(folder, 'state'), 'delete', '--force', id]).catch(() => {});
    }
    // One that cannot be removed is in nobody's way.
    await removeTree(folder).catch(() => {});
  }
  for (const owner of await listGroupOwners()) if (!isAlive(owner)) await removeGroups(`/nodeworthy-${owner}`);
}
