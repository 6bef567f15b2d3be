import { expandGo } from '../../../../formats/structure-test/go-text.ts';
import type { StructureTest } from '../../../../formats/structure-test/read-structure-test.ts';

/** The image's variables with those that the file sets for all of its tests. */
export function globalEnv(
  env: Readonly<Record<string, string>>,
  { globalEnvVars }: StructureTest,
): Record<string, string> {
  const set = globalEnvVars.map(({ key, value }) => [key, expandGo(value, (name) => env[name])] as const);
  return { ...env, ...Object.fromEntries(set) };
}
