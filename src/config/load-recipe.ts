import { resolve, dirname } from 'node:path';
import { Failure } from '../core/errors.ts';
import { readTextIfExists } from '../core/files.ts';
import { findSecret, namesSecret } from './find-secret.ts';
import { loadOverlay, type Overlay } from './overlay.ts';
import { readYaml } from './read-yaml.ts';
import { RecipeSchema, type Recipe } from './recipe-schema.ts';

/** Beside the recipe. */
export const lockName = 'nodeworthy.lock.json';

export interface LoadedRecipe {
  readonly recipe: Recipe;
  readonly path: string;
  /** Folder of the recipe: relative paths in it start here. */
  readonly folder: string;
  /** The recipe's overlays with their files read, in its order. */
  readonly overlays: readonly Overlay[];
}

/** @throws Failure RECIPE_INVALID with every mistake, its line and what to do; USAGE when there is no file. */
export async function loadRecipe(file: string, now: Date): Promise<LoadedRecipe> {
  const path = resolve(file);
  const text = await readTextIfExists(path).catch((error: unknown) => {
    throw new Failure('USAGE', `${file} cannot be read`, { hint: 'name a file with --recipe FILE', cause: error });
  });
  if (text === undefined) {
    throw new Failure('USAGE', `there is no recipe ${file}`, {
      hint: 'write one with `nodeworthy init`, or name another with --recipe FILE',
    });
  }
  const { recipe, locate } = parseRecipe(text, file);
  const folder = dirname(path);
  const overlays: Overlay[] = [];
  for (const [at, overlay] of recipe.overlays.entries())
    overlays.push(await loadOverlay(overlay, { folder, now, locate: (inside) => locate(['overlays', at, ...inside]) }));
  refuseSecretArguments(recipe, locate);
  return { recipe, path, folder, overlays };
}

/** Values of ARG are in the image's history, for everybody to read. */
function refuseSecretArguments(recipe: Recipe, locate: ParsedRecipe['locate']): void {
  for (const [at, image] of recipe.images.entries()) {
    for (const [name, value] of Object.entries(image.buildArguments)) {
      const what = namesSecret(name, value) ? 'a secret, by its name' : findSecret(`${name}=${value}`)?.what;
      if (what === undefined) continue;
      throw new Failure(
        'RECIPE_INVALID',
        `${locate(['images', at, 'buildArguments', name])}: images.${at}.buildArguments.${name} holds ${what}`,
        { hint: 'values of ARG are in the image’s history; give secrets to the build as secret mounts' },
      );
    }
  }
}

interface ParsedRecipe {
  readonly recipe: Recipe;
  /** `file:line:column` of a part of the recipe. */
  readonly locate: (path: readonly PropertyKey[]) => string;
}

export function parseRecipe(text: string, file: string): ParsedRecipe {
  const guide = 'docs/guides/recipe.md';
  const { value, locate } = readYaml(text, { file, schema: RecipeSchema, what: 'recipe', guide });
  return { recipe: value, locate };
}
