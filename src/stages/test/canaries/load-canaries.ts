import { fileURLToPath } from 'node:url';
import { Failure } from '../../../core/errors.ts';
import { suggest } from '../../../core/suggest.ts';
import { loadApplication } from '../kinds/application/application-kind.ts';
import type { TestSettings, TestSuite } from '../suite.ts';

/** Well-known packages whose tests are built in, and what each stands for. */
export const canaries = {
  express: 'the HTTP framework most applications use',
  fastify: 'generated code, schemas and streams',
  pg: 'a binary protocol over sockets',
  sharp: 'a native add-on that ships prebuilt',
} as const satisfies Record<string, string>;

/** What a recipe or a command line calls a canary. */
export const canaryPrefix = 'canary:';

/**
 * Suites for `canary:NAME`, or for all of them with `canary:all`.
 * @throws Failure RECIPE_INVALID for a name that is none of them
 */
export async function loadCanaries(
  name: string,
  { settings, env }: { readonly settings: TestSettings; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<TestSuite[]> {
  const known = Object.keys(canaries);
  if (name !== 'all' && !known.includes(name)) {
    const near = suggest(name, known);
    throw new Failure('RECIPE_INVALID', `tests: there is no canary ${JSON.stringify(name)}`, {
      hint: near ? `did you mean ${canaryPrefix}${near}?` : `known are ${known.join(', ')}, and all`,
    });
  }
  return await Promise.all(
    (name === 'all' ? known : [name]).map((canary) => {
      const path = fileURLToPath(new URL(`./${canary}`, import.meta.url));
      const shownPath = `${canaryPrefix}${canary}`;
      const definition = { path, root: path, shownPath, name: `canary-${canary}`, settings, env };
      return loadApplication(definition, (id, kind, digest) => ({ id, origin: 'vendor', kind, digest }));
    }),
  );
}
