import semver from 'semver';
import { compareText } from '../../core/canonical-json.ts';
import type { ReleaseLine } from '../catalog/release-lines.ts';
import { aliasesOf } from './aliases.ts';
import { cellId, type Cell, type PlannedCell } from './cell.ts';

export interface PlanInput {
  readonly releases: readonly { readonly release: string; readonly platforms: readonly string[] }[];
  /** In the recipe's order: the first is the default of the short tags. */
  readonly bases: readonly string[];
  readonly variants: readonly string[];
  readonly now: Date;
  readonly lines?: readonly ReleaseLine[];
}

/** Every cell of the recipe with its moving tags; newest release first, then base and variant in the recipe's order. */
export function planCells(input: PlanInput): PlannedCell[] {
  const releases = [...new Map(input.releases.map((entry) => [entry.release, entry])).values()];
  const cells = releases.flatMap(({ release, platforms }) =>
    input.bases.flatMap((base) =>
      input.variants.map((variant) => ({
        id: cellId(release, base, variant),
        release,
        base,
        variant,
        platforms: [...platforms].sort(compareText),
      })),
    ),
  );
  return nameCells(cells, input);
}

/** The same for cells that are known already, as those of a lock. */
export function nameCells(
  cells: readonly Cell[],
  input: Pick<PlanInput, 'bases' | 'variants' | 'now' | 'lines'>,
): PlannedCell[] {
  const { bases, variants, now, lines } = input;
  const scope = { cells, defaultBase: bases[0] ?? '', defaultVariant: variants[0] ?? '', now, lines };
  return cells
    .map((cell) => ({ ...cell, aliases: aliasesOf(cell, scope) }))
    .sort(
      (a, b) =>
        semver.rcompare(a.release, b.release) ||
        bases.indexOf(a.base) - bases.indexOf(b.base) ||
        variants.indexOf(a.variant) - variants.indexOf(b.variant),
    );
}
