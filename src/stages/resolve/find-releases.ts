import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { openNodeSource } from '../../sources/open-source.ts';
import type { NodeSource } from '../../sources/source.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { selectReleases } from '../catalog/select-releases.ts';
import { createSourcePorts } from './source-ports.ts';

/** A release that was chosen, and the platforms of the recipe that its source has it for. */
export interface ChosenRelease {
  readonly release: string;
  readonly platforms: readonly string[];
}

/** Releases a recipe means on this day, asked from its source; nothing is downloaded or written down. */
export async function findReleases(
  store: LayoutStore,
  loaded: LoadedRecipe,
  context: Context,
): Promise<ChosenRelease[]> {
  requireKnownSuites(loaded);
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    return await selectFrom(await openNodeSource(loaded.recipe.node.source, ports), loaded, context);
  } finally {
    await close();
  }
}

/** @throws Failure SELECTION_EMPTY for a suite that nobody knows, before anything is downloaded */
export function requireKnownSuites({ recipe }: LoadedRecipe): void {
  for (const [name, base] of Object.entries(recipe.bases)) if ('debian' in base) findSuite(base.debian, name);
}

/**
 * A platform that a line never had is left out of its cells. A version that lacks a platform its line has is not
 * complete yet, and is not chosen: a tag would lose the platform.
 */
export async function selectFrom(
  source: NodeSource,
  { recipe }: LoadedRecipe,
  context: Context,
): Promise<ChosenRelease[]> {
  const offers = await mapConcurrent(recipe.platforms, 2, async (platform) => {
    const versions = await source.listVersions(platform);
    return { platform, versions: new Set(versions), lines: new Set(versions.map((version) => semver.major(version))) };
  });
  const all = [...new Set(offers.flatMap(({ versions }) => [...versions]))];
  const complete = all.filter((version) =>
    offers.every(({ versions, lines }) => versions.has(version) || !lines.has(semver.major(version))),
  );
  const chosen = selectReleases(recipe.node.releases, complete, { now: context.now, source: source.label });
  return chosen.map((release) => ({
    release,
    platforms: offers.filter(({ versions }) => versions.has(release)).map(({ platform }) => platform),
  }));
}
