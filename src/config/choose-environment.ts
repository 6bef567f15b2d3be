import { Failure } from '../core/errors.ts';
import { suggest } from '../core/suggest.ts';
import { EnvironmentSchema, type EnvironmentConfig } from './environment-schema.ts';
import type { LoadedRecipe } from './load-recipe.ts';

/** Name of the policy for a recipe that has none: the gates that are always asked. */
const defaultEnvironment = 'default';

/** The policy that was asked for, or the first. @throws Failure USAGE for one that the recipe does not have */
export function chooseEnvironment(
  { recipe }: LoadedRecipe,
  wanted: string | undefined,
): { readonly name: string; readonly config: EnvironmentConfig } {
  const known = Object.entries(recipe.environments);
  const found = wanted === undefined ? known[0] : known.find(([name]) => name === wanted);
  if (found) return { name: found[0], config: found[1] };
  if (known.length === 0 && (wanted === undefined || wanted === defaultEnvironment))
    return { name: defaultEnvironment, config: EnvironmentSchema.parse({}) };
  const names = known.map(([name]) => name);
  const near = suggest(wanted ?? '', names);
  throw new Failure('USAGE', `the recipe has no environment ${JSON.stringify(wanted)}`, {
    hint: near ? `did you mean ${near}?` : `environments: ${names.join(', ') || 'none; write some under environments'}`,
  });
}
