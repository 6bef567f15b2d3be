import semver from 'semver';
import { compareText } from '../../core/canonical-json.ts';
import type { ReleaseLine } from '../catalog/release-lines.ts';
import { aliasesOf } from './aliases.ts';
import { cellId, type Cell, type PlannedCell } from './cell.ts';

export interface PlanInput {
  readonly releases: readonly string[];
  /** In the recipe's order: the first is the default of the short tags. */
  readonly bases: readonly string[];
  readonly variants: readonly string[];
  readonly platforms: readonly string[];
  readonly now: Date;
  readonly lines?: readonly ReleaseLine[];
}

/** Every cell of the recipe with its moving tags; newest release first, then base and variant in the recipe's order. */
export function planCells(input: PlanInput): PlannedCell[] {
  const releases = [...new Set(input.releases)].sort(semver.rcompare);
  const platforms = [...input.platforms].sort(compareText);
  const cells: Cell[] = releases.flatMap((release) =>
    input.bases.flatMap((base) =>
      input.variants.map((variant) => ({ id: cellId(release, base, variant), release, base, variant, platforms })),
    ),
  );
  const scope = {
    cells,
    defaultBase: input.bases[0] ?? '',
    defaultVariant: input.variants[0] ?? '',
    now: input.now,
    lines: input.lines,
  };
  return cells.map((cell) => ({ ...cell, aliases: aliasesOf(cell, scope) }));
}
