import semver from 'semver';
import { Failure } from '../../core/errors.ts';
import { compareText } from '../../core/canonical-json.ts';
import type { AliasKind } from '../../config/alias-kinds.ts';
import { releaseLines, type ReleaseLine } from '../catalog/release-lines.ts';
import { aliasesOf } from './aliases.ts';
import { cellId, type Cell, type PlannedCell } from './cell.ts';
import { supportClassOf } from './support-class.ts';

/** How cells are named: everything but the cells themselves. */
export interface Naming {
  /** In the recipe's order. */
  readonly bases: readonly string[];
  readonly variants: readonly string[];
  readonly now: Date;
  readonly lines?: readonly ReleaseLine[];
  /** Base of the tags without one; without it, the first that is no experiment. */
  readonly defaultBase?: string;
  /** The same for single lines: a line keeps its base when the default moves on. */
  readonly lineBases?: Readonly<Record<string, string>>;
  readonly defaultVariant?: string;
  readonly aliases?: readonly AliasKind[];
  /** Whether a cell is no more than an experiment. */
  readonly isExperimental?: (cell: Cell) => boolean;
  /** Bases that are an experiment as a whole, or past their end. */
  readonly experimentalBases?: readonly string[];
}

export interface PlanInput extends Naming {
  readonly releases: readonly { readonly release: string; readonly platforms: readonly string[] }[];
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

const allKinds: readonly AliasKind[] = ['minor', 'major', 'codename', 'lts-codename', 'lts', 'current', 'latest'];

/** The same for cells that are known already, as those of a lock. */
export function nameCells(cells: readonly Cell[], naming: Naming): PlannedCell[] {
  const { bases, variants, now } = naming;
  const lines = naming.lines ?? releaseLines;
  const experimentalBases = new Set(naming.experimentalBases ?? []);
  const isExperimental = (cell: Cell): boolean =>
    experimentalBases.has(cell.base) || (naming.isExperimental?.(cell) ?? false);
  const defaultBase = naming.defaultBase ?? bases.find((base) => !experimentalBases.has(base)) ?? '';
  const kinds = new Set(naming.aliases ?? allKinds);
  const groups = new Map<string, string[]>();
  for (const cell of cells) {
    if (isExperimental(cell)) continue;
    const key = `${cell.base} ${cell.variant}`;
    groups.set(key, [...(groups.get(key) ?? []), cell.release]);
  }
  for (const [key, releases] of groups) groups.set(key, releases.sort(semver.rcompare));
  const named = cells
    .map((cell): PlannedCell => {
      const experimental = isExperimental(cell);
      const aliases = aliasesOf(cell, {
        siblings: groups.get(`${cell.base} ${cell.variant}`) ?? [],
        defaultVariant: naming.defaultVariant ?? variants[0] ?? '',
        baseOf: (line) => naming.lineBases?.[line] ?? defaultBase,
        kinds,
        isExperimental: experimental,
        now,
        lines,
      });
      return { ...cell, aliases, supportClass: supportClassOf(cell.release, { experimental, now, lines }) };
    })
    .sort(
      (a, b) =>
        semver.rcompare(a.release, b.release) ||
        bases.indexOf(a.base) - bases.indexOf(b.base) ||
        variants.indexOf(a.variant) - variants.indexOf(b.variant),
    );
  requireUniqueTags(named);
  return named;
}

/** @throws Failure RECIPE_INVALID when a tag would mean two images: a base or variant is named like something else */
function requireUniqueTags(cells: readonly PlannedCell[]): void {
  const owners = new Map<string, string>();
  for (const { id, aliases } of cells) {
    for (const tag of aliases) {
      const owner = owners.get(tag);
      if (owner !== undefined && owner !== id)
        throw new Failure('RECIPE_INVALID', `the tag ${tag} would mean two images: ${owner} and ${id}`, {
          hint: 'rename the base, or limit tags.aliases',
        });
      owners.set(tag, id);
    }
  }
}
