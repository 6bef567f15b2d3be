import { join } from 'node:path';
import { readTextIfExists } from '../../core/files.ts';
import { comparePlan, type PlanComparison } from '../../stages/plan/compare-plan.ts';
import { listPublished } from '../../stages/publish/list-published.ts';
import type { Lock } from '../../stages/resolve/lock.ts';
import { planLocked, withImages } from '../../pipeline-plan.ts';
import { lineOfRelease, phaseOf } from '../../stages/catalog/release-lines.ts';
import type { PlannedCell } from '../../stages/plan/cell.ts';
import { namingOf } from '../../stages/plan/naming.ts';
import { planCells } from '../../stages/plan/plan-cells.ts';
import { selectionDigest } from '../../stages/resolve/lock.ts';
import { awaitedReleases, findReleases } from '../../stages/resolve/find-releases.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { renderTable } from '../views/text.ts';
import { openStore, openWorkspace } from '../workspace.ts';

interface ShownCell extends PlannedCell {
  readonly phase: string;
  /** Platforms of the recipe that the source does not have this release for. */
  readonly missingPlatforms: readonly string[];
}

interface PlanResult {
  readonly source: 'lock' | 'catalog';
  readonly cells: readonly ShownCell[];
  readonly unresolved: Lock['unresolved'];
  /** Newer releases that are waited for, and what is taken until then. */
  readonly awaited: NonNullable<Lock['awaited']>;
  /** Against what the embedded store has published. */
  readonly changes: PlanComparison;
}

export const plan = defineCommand<PlanResult>({
  name: 'plan',
  summary: 'Show the cells of the recipe and the tags each will carry',
  options: recipeOptions,
  async run(input) {
    const workspace = await openWorkspace(input);
    const { loaded, lock } = workspace;
    const usesLock = lock !== undefined && lock.selection === selectionDigest(loaded.recipe);
    const releases = usesLock ? [] : await findReleases(await openStore(workspace), loaded, input.context);
    const cells = usesLock
      ? planLocked({ loaded, lock, context: input.context })
      : withImages(planCells({ releases, ...namingOf(loaded), now: input.context.now }), loaded);
    const published = (await readTextIfExists(join(workspace.storePath, 'index.json')))
      ? await listPublished(await openStore(workspace))
      : [];
    return {
      unresolved: usesLock ? lock.unresolved : [],
      awaited: usesLock ? (lock.awaited ?? []) : awaitedReleases(releases),
      changes: comparePlan(cells, published),
      source: usesLock ? 'lock' : 'catalog',
      cells: cells.map((cell) => ({
        ...cell,
        phase: phaseFor(cell.release, input.context.now),
        // An image of an engine is made for the engine's machine, whatever the recipe's platforms are.
        missingPlatforms: cell.release === '' ? [] : difference(loaded.recipe.platforms, cell.platforms),
      })),
    };
  },
  pretty: ({ source, cells, changes, unresolved, awaited }) =>
    [
      renderTable(
        ['cell', 'phase', 'support', 'platforms', 'tags'],
        cells.map((cell) => [cell.id, cell.phase, cell.supportClass, platformsOf(cell), cell.aliases.join(' ')]),
      ),
      '',
      ...changeLines(changes),
      ...unresolved.map(({ id, reason }) => `${id} cannot be built: ${reason}`),
      ...awaited.map(
        ({ release, missing, taken }) =>
          `Node.js ${release} is waited for: it is not there for ${missing.join(', ')}, and ${taken} is taken until it is`,
      ),
      source === 'lock'
        ? 'versions are those of the lock'
        : 'versions are the newest of the source; `nodeworthy lock` pins them',
    ].join('\n'),
  json: ({ source, cells, changes, unresolved, awaited }) => ({
    source,
    changes,
    unresolved,
    awaited,
    cells: cells.map(({ id, release, base, variant, phase, supportClass, platforms, missingPlatforms, aliases }) => ({
      id,
      release,
      base,
      variant,
      phase,
      supportClass,
      platforms,
      missingPlatforms,
      tags: aliases,
    })),
  }),
});

function platformsOf({ platforms, missingPlatforms }: ShownCell): string {
  return [...platforms, ...missingPlatforms.map((platform) => `(no ${platform})`)].join(' ');
}

function difference(wanted: readonly string[], there: readonly string[]): string[] {
  return wanted.filter((platform) => !there.includes(platform));
}

function changeLines({ added, moved, removed }: PlanComparison): string[] {
  const bases = moved.map(({ tag, from, to }) => `  ${tag}: ${from ?? 'new'} → ${to}`);
  return [
    `${added.length} cells to add, ${moved.length} tags to move, ${removed.length} published cells not planned any more`,
    ...bases.slice(0, 20),
    ...(bases.length > 20 ? [`  and ${bases.length - 20} more; all with --json`] : []),
    ...removed
      .slice(0, 20)
      .map(({ cell, tags }) => `  not planned: ${cell}${tags.length > 0 ? ` (keeps ${tags.join(' ')})` : ''}`),
  ];
}

function phaseFor(release: string, now: Date): string {
  const line = lineOfRelease(release);
  return line ? phaseOf(line, now) : 'unknown';
}
