import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { Context } from '../../core/context.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import { describeInput, type ImageInput, type Input } from '../../sources/input.ts';
import { openBaseImage, openNodeSource, openPackageSource } from '../../sources/open-source.ts';
import type { Digest } from '../../core/digest.ts';
import { readManifest } from '../../store/manifest.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { createSourcePorts } from './source-ports.ts';

export interface RestoreOptions {
  readonly loaded: LoadedRecipe;
  readonly context: Context;
  readonly aptFolder: string;
  /** Inputs that were seen before in this run: hundreds of cells share them. */
  readonly present?: Set<Digest>;
}

/** Brings back what a lock names and the store lacks, and proves it is the same bytes. */
export async function restoreMissing(
  store: LayoutStore,
  inputs: readonly Input[],
  options: RestoreOptions,
): Promise<number> {
  const { loaded, context } = options;
  const missing: Input[] = [];
  for (const input of inputs) {
    if (options.present?.has(input.digest)) continue;
    if (await isPresent(store, input)) options.present?.add(input.digest);
    else missing.push(input);
  }
  if (missing.length === 0) return 0;
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    for (const input of missing) await alarmed(() => restoreOne(input));
  } finally {
    await close();
  }
  return missing.length;

  async function restoreOne(input: Input): Promise<void> {
    if (input.kind === 'deb') {
      const suite = suiteOf(input.origin.suite);
      const base = Object.values(loaded.recipe.bases).find(
        (candidate) => 'debian' in candidate && candidate.debian === suite,
      );
      if (!base || !('debian' in base))
        throw new Failure(
          'LOCK_OUTDATED',
          `${describeInput(input)} comes from ${suite}, which is no base of the recipe`,
          { hint: 'run `nodeworthy lock`' },
        );
      await (await openPackageSource(base, ports, { aptFolder: options.aptFolder })).restore(input);
    } else if (input.kind === 'image') await restoreImage(input);
    else await (await openNodeSource(loaded.recipe.node.source, ports)).restore(input);
    if (!(await isPresent(store, input))) {
      throw new Failure('INPUT_CHANGED', `${describeInput(input)} is not the same bytes that were locked`, {
        hint: 'it changed under the same name: treat it as an attack until the publisher explains it',
      });
    }
  }

  async function restoreImage(input: ImageInput): Promise<void> {
    const base = loaded.recipe.bases[input.name];
    if (!base || !('image' in base))
      throw new Failure('LOCK_OUTDATED', `${describeInput(input)} belongs to no base of the recipe`, {
        hint: 'run `nodeworthy lock`',
      });
    const source = openBaseImage(base, ports, store);
    try {
      await source.restore(input);
    } finally {
      await source.close();
    }
  }
}

/** Other bytes than the lock promises are an alarm, whichever check noticed them. */
async function alarmed(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isFailure(error, 'INTEGRITY')) throw error;
    throw new Failure('INPUT_CHANGED', error.message, {
      hint: 'it changed under the same name: treat it as an attack until the publisher explains it',
      cause: error,
    });
  }
}

/** An image is there when all that its manifest names is. */
async function isPresent(store: LayoutStore, input: Input): Promise<boolean> {
  if (!(await store.hasBlob(input.digest, input.size))) return false;
  if (input.kind !== 'image') return true;
  const { config, layers } = await readManifest(store, input.digest);
  const found = await Promise.all([config, ...layers].map((blob) => store.hasBlob(blob.digest, blob.size)));
  return found.every(Boolean);
}

/** `trixie` of `trixie-updates` and `trixie-security`. */
export function suiteOf(archive: string): string {
  return archive.replace(/-(?:updates|security)$/, '');
}
