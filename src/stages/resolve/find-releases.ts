import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { Failure, isFailure } from '../../core/errors.ts';
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
    return { platform, versions: new Set(versions), lines: new Set(versions.map(lineKey)) };
  });
  const all = [...new Set(offers.flatMap(({ versions }) => [...versions]))];
  const missingOf = (release: string): string[] =>
    offers.flatMap(({ platform, versions, lines }) =>
      !versions.has(release) && lines.has(lineKey(release)) ? [platform] : [],
    );
  const options = { now: context.now, source: source.label };
  const { releases, missingPlatforms } = recipe.node;
  const chosen = new Set<string>();
  for (const selector of releases) {
    for (const release of await select(selector)) {
      const missing = missingOf(release);
      if (missing.length === 0) {
        chosen.add(release);
        continue;
      }
      const lacking = `Node.js ${release} is not at ${source.label} for ${missing.join(', ')}`;
      if (missingPlatforms === 'proceed') {
        context.report({ kind: 'notice', text: `${lacking}: its images go without` });
        chosen.add(release);
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
      chosen.add(before);
    }
  }
  return [...chosen].sort(semver.rcompare).map((release) => ({
    release,
    platforms: offers.filter(({ versions }) => versions.has(release)).map(({ platform }) => platform),
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
  const complete = all.filter((version) => lineKey(version) === lineKey(release) && missingOf(version).length === 0);
  if (complete.length === 0) return undefined;
  try {
    return selectReleases([selector], complete, options).find((version) => lineKey(version) === lineKey(release));
  } catch (error) {
    if (isFailure(error, 'SELECTION_EMPTY')) return undefined;
    throw error;
  }
}

/** A line is a major version, and before 4 a minor version. */
function lineKey(release: string): string {
  const major = semver.major(release);
  return major === 0 ? `0.${semver.minor(release)}` : String(major);
}
