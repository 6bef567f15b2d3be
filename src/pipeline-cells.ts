import type { LoadedRecipe } from './config/load-recipe.ts';
import type { ImageCellConfig, TestEntryConfig } from './config/recipe-schema.ts';
import type { Context } from './core/context.ts';
import { Failure } from './core/errors.ts';
import type { Goal } from './cell-result.ts';
import type { Sandbox } from './runtimes/runtime.ts';
import { assembleCell, type Candidate } from './stages/assemble/assemble-cell.ts';
import { buildImageCell } from './stages/assemble/build-image-cell.ts';
import type { PlannedCell } from './stages/plan/cell.ts';
import { settingsFor } from './stages/plan/image-settings.ts';
import { answersOf, type Lock } from './stages/resolve/lock.ts';
import { batterySuite } from './stages/test/battery/battery-suite.ts';
import { describeCell, describeImageCell } from './stages/test/describe-cell.ts';
import { loadTests, selectTests } from './stages/test/kinds/load-tests.ts';
import type { TestSuite } from './stages/test/suite.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';

export interface CellsInput {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly lock: Lock;
  readonly context: Context;
}

/** What each cell has to pass: the battery, and the tests of the recipe that are for it. */
export async function loadSuites(input: CellsInput, goal: Goal) {
  const { loaded, context } = input;
  const load = (list: readonly TestEntryConfig[]) => loadTests(list, { root: loaded.folder, env: context.env });
  const recipeTests = goal === 'build' ? [] : await load(loaded.recipe.tests);
  return {
    async of(cell: PlannedCell): Promise<(platform: string) => TestSuite[]> {
      const image = loaded.recipe.images.find(({ name }) => name === cell.id);
      const tests = [...recipeTests, ...(image ? await load(image.tests) : [])];
      const battery = batterySuite(image ? describeImageCell(image) : describeCell(input, cell));
      return (platform) => [battery, ...selectTests(tests, cell, platform)];
    },
  };
}

export interface CandidateOptions {
  readonly sandbox: () => Promise<Sandbox>;
  /** Answer from the store, or not at all. */
  readonly knownOnly?: boolean;
}

/** The frozen image of a cell: assembled from the lock, or built by an engine from a Dockerfile. */
export async function makeCandidate(
  input: CellsInput,
  cell: PlannedCell,
  options: CandidateOptions,
): Promise<Candidate> {
  const image = input.loaded.recipe.images.find(({ name }) => name === cell.id);
  return image ? await buildImage(input, image, { ...options, cell }) : await assemble(input, cell, options);
}

async function assemble(
  { store, lock, loaded, context }: CellsInput,
  cell: PlannedCell,
  { sandbox, knownOnly = false }: CandidateOptions,
): Promise<Candidate> {
  const locked = lock.cells.find((candidate) => candidate.id === cell.id);
  if (!locked) throw new Failure('LOCK_OUTDATED', `the lock has no cell ${cell.id}`, { hint: 'run `nodeworthy lock`' });
  context.report({ kind: 'cell', cell: cell.id, step: 'assemble' });
  return await assembleCell(store, lock, locked, {
    compression: loaded.recipe.compression,
    settings: settingsFor(loaded, cell, answersOf(lock)),
    sandbox,
    knownOnly,
    onStep: (detail) => context.report({ kind: 'cell', cell: cell.id, step: 'assemble', detail }),
  });
}

async function buildImage(
  { store, loaded, context }: CellsInput,
  image: ImageCellConfig,
  { cell, knownOnly = false }: CandidateOptions & { readonly cell: PlannedCell },
): Promise<Candidate> {
  context.report({ kind: 'cell', cell: cell.id, step: 'assemble', detail: `building ${image.dockerfile}` });
  const { name, compression } = loaded.recipe;
  const { env, signal } = context;
  return await buildImageCell(store, image, { root: loaded.folder, name, compression, env, signal, knownOnly });
}
