import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { collectGuests } from '../obtain/obtain-image.ts';
import { collectDependencies } from './kinds/application/install-dependencies.ts';
import { collectGarbage, defaultCacheLimits, type CacheLimits } from './layer-cache.ts';

const weekMs = 7 * 24 * 3_600_000;

/** Throws away what tests left to be used again and nobody wanted for a week: layers, dependencies, images of others. */
export async function collectTestLeftovers(
  store: LayoutStore,
  storePath: string,
  nowMs: number,
  limits: CacheLimits & { readonly othersMaxAgeMs: number } = { ...defaultCacheLimits, othersMaxAgeMs: weekMs },
): Promise<number> {
  await collectDependencies(store, limits.othersMaxAgeMs, nowMs);
  return (await collectGarbage(store, limits, nowMs)) + (await collectGuests(storePath, limits.othersMaxAgeMs, nowMs));
}
