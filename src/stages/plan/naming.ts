import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { Failure } from '../../core/errors.ts';
import { matchesGlob } from '../../core/glob.ts';
import { debianSuites } from '../catalog/debian-suites.ts';
import type { Naming } from './plan-cells.ts';

/**
 * How a recipe names its cells.
 * @throws Failure RECIPE_INVALID when a tag policy names a base or variant that the recipe does not have
 */
export function namingOf({ recipe }: Pick<LoadedRecipe, 'recipe'>): Omit<Naming, 'now'> {
  const bases = Object.keys(recipe.bases);
  const { tags } = recipe;
  for (const [key, base] of [
    ['tags.base', tags.base],
    ...Object.entries(tags.bases).map(([line, value]) => [`tags.bases.${line}`, value]),
  ]) {
    if (base === undefined || bases.includes(base)) continue;
    throw new Failure('RECIPE_INVALID', `${key}: there is no base ${base}`, {
      hint: `bases of the recipe: ${bases.join(', ')}`,
    });
  }
  if (tags.variant !== undefined && !recipe.variants.includes(tags.variant))
    throw new Failure('RECIPE_INVALID', `tags.variant: the recipe has no variant ${tags.variant}`, {
      hint: `variants of the recipe: ${recipe.variants.join(', ')}`,
    });
  return {
    bases,
    variants: recipe.variants,
    defaultBase: tags.base,
    lineBases: tags.bases,
    defaultVariant: tags.variant,
    aliases: tags.aliases,
    isExperimental: (cell) => recipe.experimental.some((pattern) => matchesGlob(pattern, cell.id)),
    experimentalBases: Object.entries(recipe.bases).flatMap(([name, base]) => {
      const suite = 'debian' in base ? debianSuites.find((candidate) => candidate.codename === base.debian) : undefined;
      return suite?.isExperimental ? [name] : [];
    }),
  };
}
