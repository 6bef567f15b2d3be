import { Failure } from './core/errors.ts';
import { matchesGlob } from './core/glob.ts';
import type { LoadedRecipe } from './config/load-recipe.ts';
import type { CellsInput } from './pipeline-cells.ts';
import { nativePlatform } from './runtimes/emulation.ts';
import type { PlannedCell } from './stages/plan/cell.ts';
import { namingOf } from './stages/plan/naming.ts';
import { nameCells } from './stages/plan/plan-cells.ts';

/** The cells of a lock with their tags on this day. */
export function planLocked({ loaded, lock, context }: Pick<CellsInput, 'loaded' | 'lock' | 'context'>): PlannedCell[] {
  const locked = lock.cells.map(({ platforms, ...cell }) => ({
    ...cell,
    platforms: platforms.map((platform) => platform.platform),
  }));
  // A cell without inputs keeps its names: they must not go to an older release because the newest has a problem.
  const cells = [...locked, ...lock.unresolved].map(({ id, release, base, variant, platforms }) => ({
    id,
    release,
    base,
    variant,
    platforms,
  }));
  return withImages(nameCells(cells, { ...namingOf(loaded), now: context.now }), loaded);
}

/** Cells that an engine builds, after those of the matrix. */
export function withImages(cells: readonly PlannedCell[], { recipe }: LoadedRecipe): PlannedCell[] {
  const taken = new Map(cells.flatMap(({ id, aliases }) => aliases.map((tag) => [tag, id] as const)));
  const images = recipe.images.map(({ name, aliases }): PlannedCell => {
    for (const tag of [name, ...aliases]) {
      const owner = taken.get(tag);
      if (owner !== undefined)
        throw new Failure('RECIPE_INVALID', `the tag ${tag} would mean two images: ${owner} and ${name}`, {
          hint: 'rename the image, or leave the alias out',
        });
      taken.set(tag, name);
    }
    const platforms = [nativePlatform()];
    return {
      id: name,
      release: '',
      base: 'dockerfile',
      variant: 'image',
      platforms,
      aliases: [name, ...aliases],
      supportClass: 'maintained',
    };
  });
  return [...cells, ...images];
}

/** @throws Failure USAGE when the pattern means none of them */
export function chooseCells(cells: readonly PlannedCell[], pattern: string | undefined): readonly PlannedCell[] {
  if (pattern === undefined) return cells;
  const chosen = cells.filter((cell) => matchesGlob(pattern, cell.id));
  if (chosen.length > 0) return chosen;
  throw new Failure('USAGE', `--cells ${JSON.stringify(pattern)} matches none of ${cells.length} cells`, {
    hint: `cells are like ${cells[0]?.id ?? '24.0.0-trixie-runtime'}; a pattern is like '24.*-slim'`,
  });
}
