import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { openNodeSource } from '../../sources/open-source.ts';
import type { NodeSource } from '../../sources/source.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { lineNameOf } from '../../formats/node-version.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { selectReleases } from '../catalog/select-releases.ts';
import type { Lock } from './lock.ts';
import { createSourcePorts } from './source-ports.ts';

/** A release that was chosen, and the platforms of the recipe that its source has it for. */
export interface ChosenRelease {
  readonly release: string;
  readonly platforms: readonly string[];
  /** A newer one that the selector means, and that is not there yet for some platforms. */
  readonly awaited?: { readonly release: string; readonly missing: readonly string[] };
}

/** The newer releases that are waited for, each with what was taken until then. */
export function awaitedReleases(chosen: readonly ChosenRelease[]): NonNullable<Lock['awaited']> {
  return chosen.flatMap(({ release: taken, awaited }) =>
    awaited ? [{ release: awaited.release, missing: [...awaited.missing], taken }] : [],
  );
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
 * A platform that a line never had is left out of its cells. A release that lacks a platform its line has is not
 * complete yet: a tag would lose the platform. The recipe says whether it is waited for or taken without, and either
 * way the plan names it.
 */
export async function selectFrom(
  source: NodeSource,
  { recipe }: LoadedRecipe,
  context: Context,
): Promise<ChosenRelease[]> {
  const offers = await mapConcurrent(recipe.platforms, 2, async (platform) => {
    const versions = await source.listVersions(platform);
    return { platform, versions: new Set(versions), lines: new Set(versions.map(lineNameOf)) };
  });
  const all = [...new Set(offers.flatMap(({ versions }) => [...versions]))];
  const missingOf = (release: string): string[] =>
    offers.flatMap(({ platform, versions, lines }) =>
      !versions.has(release) && lines.has(lineNameOf(release)) ? [platform] : [],
    );
  const options = { now: context.now, source: source.label };
  const { releases, missingPlatforms } = recipe.node;
  const chosen = new Map<string, ChosenRelease['awaited']>();
  for (const selector of releases) {
    for (const release of await select(selector)) {
      const missing = missingOf(release);
      if (missing.length === 0) {
        chosen.set(release, chosen.get(release));
        continue;
      }
      const lacking = `Node.js ${release} is not at ${source.label} for ${missing.join(', ')}`;
      if (missingPlatforms === 'proceed') {
        context.report({ kind: 'notice', text: `${lacking}: its images go without` });
        chosen.set(release, chosen.get(release));
        continue;
      }
      const before = selectBefore(selector, { all, missingOf, release, options });
      if (before === undefined)
        throw new Failure('SELECTION_EMPTY', `node.releases: ${JSON.stringify(selector)}: ${lacking}`, {
          hint: 'wait for it, take another release, or say `missingPlatforms: proceed` to go on with the platforms that are there',
        });
      context.report({
        kind: 'notice',
        text: `${lacking} yet: ${before} is taken until it is. Say \`missingPlatforms: proceed\` under node to go on without`,
      });
      chosen.set(before, { release, missing });
    }
  }
  return [...chosen]
    .sort(([a], [b]) => semver.rcompare(a, b))
    .map(([release, awaited]) => ({
      release,
      platforms: offers.filter(({ versions }) => versions.has(release)).map(({ platform }) => platform),
      ...(awaited ? { awaited } : {}),
    }));

  async function select(selector: string | number): Promise<string[]> {
    try {
      return selectReleases([selector], all, options);
    } catch (error) {
      throw isFailure(error, 'SELECTION_EMPTY') ? await explainWithdrawn(error, selector) : error;
    }
  }

  /** A version that was there once is no mistake in the recipe. */
  async function explainWithdrawn(error: Failure, selector: string | number): Promise<Failure> {
    const version = semver.clean(String(selector));
    if (version === null) return error;
    let day: string | undefined;
    for (const platform of recipe.platforms) day ??= await source.publishedOn?.(version, platform);
    if (day === undefined) return error;
    return new Failure(
      'SELECTION_EMPTY',
      `node.releases: ${JSON.stringify(selector)}: Node.js ${version} was published at ${source.label} on ${day} and withdrawn since`,
      { hint: `take another release of its line; ${error.hint}` },
    );
  }
}

interface Before {
  readonly all: readonly string[];
  readonly missingOf: (release: string) => readonly string[];
  readonly release: string;
  readonly options: { readonly now: Date; readonly source: string };
}

/** What the selector means among the complete releases of the same line; an exact version means nothing else. */
function selectBefore(selector: string | number, { all, missingOf, release, options }: Before): string | undefined {
  if (semver.valid(String(selector))) return undefined;
  const complete = all.filter(
    (version) => lineNameOf(version) === lineNameOf(release) && missingOf(version).length === 0,
  );
  if (complete.length === 0) return undefined;
  try {
    return selectReleases([selector], complete, options).find((version) => lineNameOf(version) === lineNameOf(release));
  } catch (error) {
    if (isFailure(error, 'SELECTION_EMPTY')) return undefined;
    throw error;
  }
}
