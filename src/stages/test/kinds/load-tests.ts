import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import semver from 'semver';
import type { TestEntryConfig } from '../../../config/recipe-schema.ts';
import { compareText } from '../../../core/canonical-json.ts';
import { Failure } from '../../../core/errors.ts';
import { canaryPrefix, loadCanaries } from '../canaries/load-canaries.ts';
import { defaultSettings, type TestSuite } from '../suite.ts';
import { applicationKind } from './application/application-kind.ts';
import { requireInside } from './test-files.ts';
import { dockerfileKind } from './dockerfile/dockerfile-kind.ts';
import { runKind } from './run/run-kind.ts';
import { scriptKind } from './script/script-kind.ts';
import { structureKind } from './structure/structure-kind.ts';
import type { TestKind } from './test-kind.ts';

/** The table of the family, in the order in which a file or folder is looked at. */
export const testKinds: readonly TestKind[] = [dockerfileKind, applicationKind, structureKind, runKind, scriptKind];

/** Tests, and which images they are for. */
export interface LoadedTest {
  readonly suite: TestSuite;
  readonly where: Pick<TestEntryConfig, 'variants' | 'bases' | 'versions' | 'platforms'>;
}

export interface LoadOptions {
  /** Folder that paths are relative to. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Tests that a recipe or a command line names. A folder that is no test itself is a folder of tests.
 * @throws Failure RECIPE_INVALID for what is missing, is no test, cannot be read, or has a name that another one has
 */
export async function loadTests(
  entries: readonly TestEntryConfig[],
  { root, env }: LoadOptions,
): Promise<readonly LoadedTest[]> {
  const loaded: LoadedTest[] = [];
  function add(test: LoadedTest, shown: string): void {
    const { id } = test.suite.suite;
    if (loaded.some((other) => other.suite.suite.id === id && sharesImages(other.where, test.where)))
      throw new Failure('RECIPE_INVALID', `tests: ${shown}: there is another test with the name ${id}`, {
        hint: 'give one of them another name',
      });
    loaded.push(test);
  }
  for (const entry of entries) {
    const shown = entry.path ?? entry.dockerfile ?? '';
    const asked = entry.kind ?? (entry.dockerfile === undefined ? undefined : 'dockerfile');
    const { timeoutSeconds, stepTimeoutSeconds, retries, hosts } = entry;
    const settings = {
      timeoutMs: timeoutSeconds === undefined ? defaultSettings.timeoutMs : timeoutSeconds * 1000,
      stepTimeoutMs: stepTimeoutSeconds === undefined ? defaultSettings.stepTimeoutMs : stepTimeoutSeconds * 1000,
      retries,
      hosts,
      arguments: entry.arguments,
    };
    if (entry.versions !== undefined && semver.validRange(entry.versions) === null)
      throw new Failure(
        'RECIPE_INVALID',
        `tests: ${shown}: ${JSON.stringify(entry.versions)} is no range of versions`,
        {
          hint: 'write it like >=24 <26',
        },
      );
    if (shown.startsWith(canaryPrefix)) {
      const suites = await loadCanaries(shown.slice(canaryPrefix.length), { settings, env });
      for (const suite of suites) add({ suite, where: entry }, shown);
      continue;
    }
    const { place, found } = await findTests(resolve(root, shown), shown, asked);
    for (const { path, shownPath, kind } of found) {
      const named = entry.name !== undefined && found.length === 1 ? { name: entry.name } : {};
      const suite = await kind.load({ path, shownPath, ...named, settings, root: place, env });
      add({ suite, where: entry }, shownPath);
    }
  }
  return loaded;
}

/** Two tests of one name are fine when no image has both. */
function sharesImages(a: LoadedTest['where'], b: LoadedTest['where']): boolean {
  const meet = (left: readonly string[] | undefined, right: readonly string[] | undefined): boolean =>
    !left || !right || left.some((item) => right.includes(item));
  const versions = !a.versions || !b.versions || semver.intersects(a.versions, b.versions);
  return versions && meet(a.variants, b.variants) && meet(a.bases, b.bases) && meet(a.platforms, b.platforms);
}

interface FoundTest {
  readonly path: string;
  readonly shownPath: string;
  readonly kind: TestKind;
}

async function findTests(
  path: string,
  shownPath: string,
  asked: string | undefined,
): Promise<{ readonly place: string; readonly found: readonly FoundTest[] }> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats)
    throw new Failure('RECIPE_INVALID', `tests: there is nothing at ${shownPath}`, {
      hint: 'name a file or folder, relative to the recipe or the working folder',
    });
  const isFolder = stats.isDirectory();
  const place = isFolder ? path : dirname(path);
  if (asked !== undefined) {
    const kind = testKinds.find(({ name }) => name === asked);
    if (!kind) throw new Failure('RECIPE_INVALID', `tests: there is no kind ${asked}`);
    if (kind.name === 'dockerfile' && !(await kind.recognises(path, place)) && isFolder)
      throw new Failure('RECIPE_INVALID', `tests: there is no Dockerfile at ${shownPath}`, {
        hint: 'name a folder with a Dockerfile, relative to the recipe',
      });
    return { place, found: [{ path, shownPath, kind }] };
  }
  for (const kind of testKinds)
    if (await kind.recognises(path, place)) return { place, found: [{ path, shownPath, kind }] };
  const inside = isFolder ? await testsInside(path, shownPath) : [];
  if (inside.length > 0) return { place, found: inside };
  throw new Failure('RECIPE_INVALID', `tests: ${shownPath} is no test`, {
    hint: testKinds.map(({ name, summary }) => `${name}: ${summary}`).join('\n      '),
  });
}

async function testsInside(path: string, shownPath: string): Promise<FoundTest[]> {
  const found: FoundTest[] = [];
  for (const name of (await readdir(path)).filter((file) => !file.startsWith('.')).sort(compareText)) {
    // What cannot be looked at is not left out in silence.
    await requireInside(path, join(path, name));
    for (const kind of testKinds) {
      if (!(await kind.recognises(join(path, name), path))) continue;
      found.push({ path: join(path, name), shownPath: join(shownPath, name), kind });
      break;
    }
  }
  return found;
}

/** Which of the tests an image has to pass. */
export function selectTests(
  tests: readonly LoadedTest[],
  cell: { readonly release: string; readonly base: string; readonly variant: string },
  platform: string,
): TestSuite[] {
  return tests
    .filter(
      ({ where: { variants, bases, versions, platforms } }) =>
        (!variants || variants.includes(cell.variant)) &&
        (!bases || bases.includes(cell.base)) &&
        (!platforms || platforms.includes(platform)) &&
        (!versions || (cell.release !== '' && semver.satisfies(cell.release, versions, { includePrerelease: true }))),
    )
    .map(({ suite }) => suite);
}
