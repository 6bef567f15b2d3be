import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Context } from '../../core/context.ts';
import { isFailure } from '../../core/errors.ts';
import { removeTree } from '../../core/files.ts';
import { openLayoutStore, type LayoutStore } from '../../store/layout/layout-store.ts';
import { listGuests } from '../obtain/obtain-image.ts';
import { collectDependencies } from './kinds/application/install-dependencies.ts';
import { collectGarbage, defaultCacheLimits, hasSavedLayers, type CacheLimits } from './layer-cache.ts';

const weekMs = 7 * 24 * 3_600_000;

export interface LeftoverLimits extends CacheLimits {
  /** For dependencies, and images of others. */
  readonly othersMaxAgeMs: number;
}

export const defaultLeftoverLimits: LeftoverLimits = { ...defaultCacheLimits, othersMaxAgeMs: weekMs };

/**
 * Throws away what tests left to be used again and nobody wanted for a week: layers, dependencies, images of others.
 * @returns how many files and folders went
 */
export async function collectTestLeftovers(
  store: LayoutStore,
  nowMs: number,
  limits: LeftoverLimits = defaultLeftoverLimits,
): Promise<number> {
  await collectDependencies(store, limits.othersMaxAgeMs, nowMs);
  let removed = await collectGarbage(store, limits, nowMs);
  for (const { folder, wantedMs } of await listGuests(store.folder)) {
    const isLayout = (await stat(join(folder, 'index.json')).catch(() => undefined)) !== undefined;
    if (isLayout) {
      const guest = await openLayoutStore(folder);
      await collectDependencies(guest, limits.othersMaxAgeMs, nowMs);
      removed += await collectGarbage(guest, limits, nowMs);
      if (!limits.saved && (await hasSavedLayers(guest))) continue;
    }
    if (nowMs - wantedMs <= limits.othersMaxAgeMs) continue;
    await removeTree(folder);
    removed++;
  }
  return removed;
}

/** Of what a container wrote as another user, a result is no worse; whoever owns the folder has to take it away. */
export function tellOfLeftovers({ report }: Pick<Context, 'report'>, error: unknown): void {
  if (!isFailure(error)) throw error;
  report({ kind: 'notice', text: `something of a test stays behind: ${error.message}` });
}
