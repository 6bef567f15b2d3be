import type { ImageConfig } from '../../../../formats/oci/descriptor.ts';
import { expandGo } from '../../../../formats/structure-test/go-text.ts';
import type { StructureTest } from '../../../../formats/structure-test/read-structure-test.ts';

export function imageEnv({ config }: ImageConfig): Record<string, string> {
  return Object.fromEntries(
    (config?.Env ?? []).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** The image's variables with those that the file sets for all of its tests. */
export function globalEnv(
  env: Readonly<Record<string, string>>,
  { globalEnvVars }: StructureTest,
): Record<string, string> {
  const set = globalEnvVars.map(({ key, value }) => [key, expandGo(value, (name) => env[name])] as const);
  return { ...env, ...Object.fromEntries(set) };
}
