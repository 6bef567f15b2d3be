import { basename, dirname, join, resolve } from 'node:path';
import { loadRecipe, lockName, type LoadedRecipe } from '../config/load-recipe.ts';
import { Failure, isFailure } from '../core/errors.ts';
import { readLock, type Lock } from '../stages/resolve/lock.ts';
import { openLayoutStore, type LayoutStore } from '../store/layout/layout-store.ts';
import type { CommandContext } from './command.ts';
import { storeFolder } from './store-folder.ts';

export interface Workspace {
  readonly loaded: LoadedRecipe;
  readonly lockPath: string;
  readonly lock: Lock | undefined;
  readonly storePath: string;
}

export const defaultRecipe = 'nodeworthy.yaml';
export const aptFolder = '/etc/apt';

/** A name for a new recipe: that of its folder, in the letters a name may have. */
export function productLineName(folder: string): string {
  const plain = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return plain || 'node-images';
}

/** The recipe, its lock, and where its store is. */
export async function openWorkspace({ options, context, cwd }: CommandContext): Promise<Workspace> {
  const loaded = await loadRecipe(resolve(cwd, String(options['recipe'] ?? defaultRecipe)), context.now);
  const lockPath = join(loaded.folder, lockName);
  const storePath = storeFolder({ options, context, cwd }, dirname(loaded.path));
  // Whoever chooses everything again does not need what was chosen before.
  const lock = await readLock(lockPath).catch((error: unknown) => {
    if (options['update'] === true && isFailure(error, 'LOCK_INVALID')) return undefined;
    throw error;
  });
  return { loaded, lockPath, lock, storePath };
}

export async function openStore(workspace: Workspace): Promise<LayoutStore> {
  return await openLayoutStore(workspace.storePath);
}

export function requireLock(workspace: Workspace): Lock {
  if (workspace.lock) return workspace.lock;
  throw new Failure('LOCK_MISSING', `there is no lock file ${workspace.lockPath}`, {
    hint: 'make one with `nodeworthy lock`, or use `nodeworthy run`, which does it for you',
  });
}
