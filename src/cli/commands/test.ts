import { watch } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, failureCodes } from '../../core/errors.ts';
import { matchesGlob } from '../../core/glob.ts';
import type { BenchSettings } from '../../pipeline.ts';
import { openRuntime } from '../../runtimes/open-runtime.ts';
import { obtainImage, referenceForms } from '../../stages/obtain/obtain-image.ts';
import { loadTests, testKinds } from '../../stages/test/kinds/load-tests.ts';
import { choosePlatform, testImage } from '../../stages/test/test-image.ts';
import { collectTestLeftovers } from '../../stages/test/collect-leftovers.ts';
import { openLayoutStore } from '../../store/layout/layout-store.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { countRetries } from '../count-retries.ts';
import { requireReportFormats, writeReports, reportFormats } from '../test-reports/write-reports.ts';
import { cellsJson, cellsTable, exitOf, type CellsOutcome } from '../views/cells-view.ts';
import { casesJson, casesTable, type ImageOutcome } from '../views/cases-view.ts';
import { storeFolder } from '../store-folder.ts';
import { aptFolder, openStore, openWorkspace, requireLock } from '../workspace.ts';
import { cellsOption, runtimeOption } from '../cell-options.ts';

type TestOutcome =
  | { readonly kind: 'cells'; readonly cells: CellsOutcome }
  | { readonly kind: 'image'; readonly image: ImageOutcome };

export const test = defineCommand<TestOutcome>({
  name: 'test',
  summary: 'Test the frozen images of the recipe and record the results, or test any image with tests of your own',
  positional: '[REF]',
  rest: '[TEST…]',
  options: {
    ...recipeOptions,
    ...cellsOption,
    ...runtimeOption,
    with: {
      type: 'string',
      multiple: true,
      summary: 'A test, or a folder of tests, for REF; may repeat',
      value: 'PATH',
    },
    platform: { type: 'string', summary: 'Platform of REF; this machine’s without it', value: 'OS/ARCH' },
    filter: { type: 'string', summary: 'Only the cases that match, like smoke/*; nothing is recorded', value: 'GLOB' },
    'rerun-failed': { type: 'boolean', summary: 'Only what did not pass the last time; nothing is recorded' },
    watch: { type: 'boolean', summary: 'Run again whenever a test changes' },
    'fail-fast': { type: 'boolean', summary: 'Stop asking after the first failure' },
    retries: { type: 'string', summary: 'Further attempts at what fails; passing then is flaky', value: 'N' },
    'no-cache': { type: 'boolean', summary: 'Make every layer of a test anew' },
    keep: { type: 'boolean', summary: 'Keep the layers of all tests for `nodeworthy shell`, until `nodeworthy clean`' },
    report: {
      type: 'string',
      multiple: true,
      summary: `Write a report: ${reportFormats.join(', ')}; may repeat`,
      value: 'FILE',
    },
  },
  async run(input) {
    const reports = listOf(input, 'report');
    requireReportFormats(reports);
    const reference = input.options['_'];
    const tests = [...listOf(input, 'with'), ...listOf(input, 'rest')];
    if (reference === undefined) {
      if (tests.length > 0)
        throw new Failure('USAGE', 'test: --with needs an image to test', {
          hint: `name ${referenceForms.join(', ')}; tests of the recipe’s images are listed in it, under tests`,
        });
      return { kind: 'cells', cells: await testCells(input, reports) };
    }
    if (tests.length === 0)
      throw new Failure('USAGE', `test: name the tests for ${String(reference)}`, {
        hint: `with --with PATH; a test is ${testKinds.map(({ name }) => name).join(', ')}, or canary:all`,
      });
    return { kind: 'image', image: await testReference(input, { reference: String(reference), tests, reports }) };
  },
  pretty: (outcome) => (outcome.kind === 'cells' ? cellsTable(outcome.cells) : casesTable(outcome.image)),
  json: (outcome) => (outcome.kind === 'cells' ? cellsJson(outcome.cells) : casesJson(outcome.image)),
  exitStatus(outcome) {
    const isGood =
      outcome.kind === 'cells' ? exitOf(outcome.cells.results) === 0 : outcome.image.report.result === 'passed';
    return isGood ? 0 : failureCodes.CELLS_FAILED.exit;
  },
  async again(input) {
    if (input.options['watch'] !== true) return false;
    return await waitForChange([...listOf(input, 'with'), ...listOf(input, 'rest')], input);
  },
});

async function testCells(input: CommandContext, reports: readonly string[]): Promise<CellsOutcome> {
  const workspace = await openWorkspace(input);
  const counted = countRetries(input.context);
  const store = await openStore(workspace);
  const { filter, ...bench } = readBench(input);
  // Tests of any image need none of it.
  const { runPipeline } = await import('../../pipeline.ts');
  const results = await runPipeline({
    store,
    loaded: workspace.loaded,
    lock: requireLock(workspace),
    lockPath: workspace.lockPath,
    context: counted.context,
    goal: 'test',
    aptFolder,
    runtime: input.options['runtime'] as string | undefined,
    allowOlder: false,
    allowBaseChange: false,
    cells: input.options['cells'] as string | undefined,
    bench: { ...bench, ...(filter ? { wants: filter } : {}) },
  });
  const images = results.flatMap(({ cell, reports: platforms }) =>
    platforms.map(({ report }) => ({ name: cell.id, report })),
  );
  const isEmpty = images.every(({ report }) => report.cases.length === 0 && report.result !== 'untested');
  if ((filter || bench.onlyFailed) && isEmpty) throw nothingToRun(input);
  await writeReports(reports, images, input.cwd);
  await collectTestLeftovers(store, Date.now());
  return { results, retries: counted.count() };
}

interface ReferenceTest {
  readonly reference: string;
  readonly tests: readonly string[];
  readonly reports: readonly string[];
}

async function testReference(
  input: CommandContext,
  { reference, tests, reports }: ReferenceTest,
): Promise<ImageOutcome> {
  const { context, options, cwd } = input;
  const storePath = storeFolder(input);
  const { filter, retries, failFast, cache, onlyFailed } = readBench(input);
  const entries = tests.map((path) => ({ path, retries: 0, hosts: [], arguments: {} }));
  const loaded = await loadTests(entries, { root: cwd, env: context.env });
  const obtained = await obtainImage(reference, { storePath, cwd, context });
  const platform = await choosePlatform(obtained, options['platform'] as string | undefined);
  const runtime = await openRuntime(options['runtime'] as string | undefined, context.env);
  try {
    const report = await testImage(obtained, platform, context, {
      suites: loaded.map(({ suite }) => suite),
      runtime,
      parallel: context.concurrency,
      failFast,
      retries,
      cache,
      onlyFailed,
      ...(filter ? { wants: filter } : {}),
      onCase: (done, total, failed) =>
        context.report({
          kind: 'cell',
          cell: reference,
          step: 'test',
          detail: `${done}/${total}${failed ? `, ${failed} failed` : ''}`,
        }),
    });
    if (report.cases.length === 0 && report.result !== 'untested') throw nothingToRun(input);
    const image = { name: reference, report };
    await writeReports(reports, [image], cwd);
    return image;
  } finally {
    await runtime.close();
    await collectTestLeftovers(await openLayoutStore(storePath), Date.now());
  }
}

function readBench({
  options,
}: CommandContext): Omit<BenchSettings, 'wants'> & { readonly filter?: (suite: string, id: string) => boolean } {
  const retries = Number(options['retries'] ?? 0);
  if (!Number.isInteger(retries) || retries < 0 || retries > 10)
    throw new Failure('USAGE', `--retries ${JSON.stringify(options['retries'])} is no whole number from 0 to 10`);
  const pattern = options['filter'] as string | undefined;
  return {
    retries,
    failFast: options['fail-fast'] === true,
    cache: {
      readable: options['no-cache'] !== true,
      keep: options['keep'] === true ? 'saved' : options['no-cache'] === true ? 'failed' : 'all',
    },
    onlyFailed: options['rerun-failed'] === true,
    ...(pattern === undefined
      ? {}
      : { filter: (suite: string, id: string) => matchesGlob(pattern, id) || matchesGlob(pattern, `${suite}/${id}`) }),
  };
}

function nothingToRun({ options }: CommandContext): Failure {
  return options['rerun-failed'] === true
    ? new Failure('USAGE', 'nothing failed the last time', { hint: 'run it without --rerun-failed' })
    : new Failure('USAGE', `--filter ${JSON.stringify(options['filter'])} matches no case`, {
        hint: 'a pattern is matched with CASE and with SUITE/CASE; * is any text',
      });
}

function listOf({ options }: CommandContext, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
}

/** Editors write a file in several steps: what comes at once is one change. */
const settleMs = 150;

/** True when a test changed; false when the user had enough. */
async function waitForChange(tests: readonly string[], { options, context, cwd }: CommandContext): Promise<boolean> {
  const recipe = String(options['recipe'] ?? 'nodeworthy.yaml');
  const paths = (tests.length > 0 ? tests : [recipe]).map((path) => resolve(cwd, path));
  context.report({ kind: 'notice', text: `watching ${paths.join(', ')}` });
  return await new Promise((done) => {
    const watchers = paths.map((path) => watch(path, { recursive: true }, changed));
    let timer: NodeJS.Timeout | undefined;
    function finish(again: boolean): void {
      for (const watcher of watchers) watcher.close();
      done(again);
    }
    function changed(): void {
      clearTimeout(timer);
      timer = setTimeout(() => finish(true), settleMs);
    }
    context.signal.addEventListener('abort', () => finish(false), { once: true });
  });
}
