import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { openNodeSource } from '../../sources/open-source.ts';
import type { NodeSource } from '../../sources/source.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { selectReleases } from '../catalog/select-releases.ts';
import { createSourcePorts } from './source-ports.ts';

/** Releases a recipe means on this day, asked from its source; nothing is downloaded or written down. */
export async function findReleases(store: LayoutStore, loaded: LoadedRecipe, context: Context): Promise<string[]> {
  for (const [name, base] of Object.entries(loaded.recipe.bases)) findSuite(base.debian, name);
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    return await selectFrom(await openNodeSource(loaded.recipe.node.source, ports), loaded, context);
  } finally {
    await close();
  }
}

/** Only versions that exist for every platform of the recipe can be chosen. */
export async function selectFrom(source: NodeSource, { recipe }: LoadedRecipe, context: Context): Promise<string[]> {
  const lists = await mapConcurrent(recipe.platforms, 2, (platform) => source.listVersions(platform));
  const common = (lists[0] ?? []).filter((version) => lists.every((list) => list.includes(version)));
  return selectReleases(recipe.node.releases, common, { now: context.now, source: source.label });
}
