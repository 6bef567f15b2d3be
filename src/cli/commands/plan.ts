import { Failure } from '../../core/errors.ts';
import { planLocked } from '../../pipeline.ts';
import { lineOf, phaseOf } from '../../stages/catalog/release-lines.ts';
import type { PlannedCell } from '../../stages/plan/cell.ts';
import { planCells } from '../../stages/plan/plan-cells.ts';
import { selectionDigest } from '../../stages/resolve/lock.ts';
import { findReleases } from '../../stages/resolve/find-releases.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { renderTable } from '../views/text.ts';
import { openStore, openWorkspace } from '../workspace.ts';

interface PlanResult {
  readonly source: 'lock' | 'catalog';
  readonly cells: readonly (PlannedCell & { readonly phase: string })[];
}

export const plan = defineCommand<PlanResult>({
  name: 'plan',
  summary: 'Show the cells of the recipe and the tags each will carry',
  options: recipeOptions,
  async run(input) {
    const workspace = await openWorkspace(input);
    const { loaded, lock } = workspace;
    const usesLock = lock !== undefined && lock.selection === selectionDigest(loaded.recipe);
    const { recipe } = loaded;
    const cells = usesLock
      ? planLocked({ loaded, lock, context: input.context })
      : planCells({
          releases: await findReleases(await openStore(workspace), loaded, input.context),
          bases: Object.keys(recipe.bases),
          variants: recipe.variants,
          now: input.context.now,
        });
    return {
      source: usesLock ? 'lock' : 'catalog',
      cells: cells.map((cell) => ({ ...cell, phase: phaseFor(cell.release, input.context.now) })),
    };
  },
  pretty: ({ source, cells }) =>
    [
      renderTable(
        ['cell', 'phase', 'platforms', 'tags'],
        cells.map((cell) => [cell.id, cell.phase, cell.platforms.join(' '), cell.aliases.join(' ')]),
      ),
      '',
      source === 'lock'
        ? 'versions are those of the lock'
        : 'versions are the newest of the source; `nodeworthy lock` pins them',
    ].join('\n'),
  json: ({ source, cells }) => ({
    source,
    cells: cells.map(({ id, release, base, variant, phase, platforms, aliases }) => ({
      id,
      release,
      base,
      variant,
      phase,
      platforms,
      tags: aliases,
    })),
  }),
});

function phaseFor(release: string, now: Date): string {
  const line = lineOf(Number(release.split('.')[0]));
  if (!line) throw new Failure('SELECTION_EMPTY', `Node.js ${release} belongs to no known release line`);
  return phaseOf(line, now);
}
