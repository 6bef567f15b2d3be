import { resolve } from 'node:path';
import { createGate, mapConcurrent } from './core/concurrency.ts';
import type { Context } from './core/context.ts';
import { Failure, isFailure } from './core/errors.ts';
import type { LoadedRecipe } from './config/load-recipe.ts';
import { openRuntime } from './runtimes/open-runtime.ts';
import type { Runtime, Sandbox } from './runtimes/runtime.ts';
import { assembleCell, type Candidate } from './stages/assemble/assemble-cell.ts';
import { findSuite } from './stages/catalog/debian-suites.ts';
import { debianFacts, imageConfiguration, settingsFor } from './stages/plan/image-settings.ts';
import type { CheckedCell, Trait } from './stages/test/battery/battery.ts';
import { nameCells } from './stages/plan/plan-cells.ts';
import type { PlannedCell } from './stages/plan/cell.ts';
import { publishCell, type PublishTarget, type TargetReceipt } from './stages/publish/publish-cell.ts';
import { requireFresh, type Lock } from './stages/resolve/lock.ts';
import { restoreMissing } from './stages/resolve/restore-missing.ts';
import { loadDockerfileTest, type DockerfileTest } from './stages/test/dockerfile-test.ts';
import { requiredSuites, testCandidate, type PlatformReport } from './stages/test/test-candidate.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';
import { openRegistryStore } from './store/registry/registry-store.ts';

/** How far each cell goes: `run` is `publish`. */
export type Goal = 'build' | 'test' | 'publish';

export type Outcome = 'built' | 'tested' | 'published' | 'unchanged' | 'failed' | 'untested' | 'blocked' | 'error';

export interface CellResult {
  readonly cell: PlannedCell;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly startedAtMs: number;
  /** Why it did not reach the goal. */
  readonly reason?: string;
  readonly hint?: string;
  readonly candidate?: Candidate;
  readonly reports: readonly PlatformReport[];
  readonly receipts: readonly TargetReceipt[];
}

export interface PipelineInput {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly lock: Lock;
  readonly lockPath: string;
  readonly context: Context;
  readonly goal: Goal;
  readonly aptFolder: string;
  readonly runtime?: string;
  readonly allowOlder: boolean;
}

/** THE flow: every cell goes its own way from the lock to its tags, and none waits for or fails with another. */
export async function runPipeline(input: PipelineInput): Promise<CellResult[]> {
  const { store, loaded, lock, context, goal } = input;
  requireFresh(lock, loaded.recipe, input.lockPath);
  const cells = planLocked(input);
  const tests =
    goal === 'build'
      ? []
      : await Promise.all(loaded.recipe.tests.map((test) => loadDockerfileTest(loaded.folder, test)));
  await restoreMissing(store, lock.inputs, { loaded, context, aptFolder: input.aptFolder });
  const shared = openShared(input);
  try {
    return await mapConcurrent(cells, context.concurrency * 4, (cell) =>
      settle(cell, context, async (steps) => {
        steps.candidate = await assemble(input, cell, shared.runtime);
        if (goal === 'build') return steps.candidate.reused ? 'unchanged' : 'built';
        const checkedCell = describeCell(input, cell);
        steps.reports = await test(input, cell, {
          candidate: steps.candidate,
          checkedCell,
          tests,
          runtime: shared.runtime,
        });
        const verdict = judge(steps.reports);
        if (verdict) return verdict;
        if (goal === 'test') return steps.reports.every((report) => report.reused) ? 'unchanged' : 'tested';
        steps.receipts = await publish(input, cell, {
          candidate: steps.candidate,
          checkedCell,
          tests,
          targets: shared.targets(),
        });
        return steps.receipts.some((receipt) => receipt.movedTags.length > 0) ? 'published' : 'unchanged';
      }),
    );
  } finally {
    await shared.close();
  }
}

/** The cells of a lock with their tags on this day. */
export function planLocked({
  loaded,
  lock,
  context,
}: Pick<PipelineInput, 'loaded' | 'lock' | 'context'>): PlannedCell[] {
  const { bases, variants } = loaded.recipe;
  const cells = lock.cells.map(({ id, release, base, variant, platforms }) => ({
    id,
    release,
    base,
    variant,
    platforms: platforms.map((platform) => platform.platform),
  }));
  return nameCells(cells, { bases: Object.keys(bases), variants, now: context.now });
}

async function assemble(
  { store, lock, loaded, context }: PipelineInput,
  cell: PlannedCell,
  runtime: () => Promise<Runtime>,
): Promise<Candidate> {
  const locked = lock.cells.find((candidate) => candidate.id === cell.id);
  if (!locked) throw new Failure('LOCK_OUTDATED', `the lock has no cell ${cell.id}`, { hint: 'run `nodeworthy lock`' });
  context.report({ kind: 'cell', cell: cell.id, step: 'assemble' });
  return await assembleCell(store, lock, locked, {
    compression: loaded.recipe.compression,
    settings: settingsFor(loaded, cell),
    sandbox: async () => requireSandbox(await runtime()),
    onStep: (detail) => context.report({ kind: 'cell', cell: cell.id, step: 'assemble', detail }),
  });
}

/** What the battery has to know of a cell. */
function describeCell({ lock, loaded }: PipelineInput, cell: PlannedCell): CheckedCell {
  const settings = settingsFor(loaded, cell);
  const base = loaded.recipe.bases[cell.base];
  const suite = base && 'debian' in base ? findSuite(base.debian, cell.base) : undefined;
  const locked = lock.cells.find((candidate) => candidate.id === cell.id)?.platforms[0];
  const image = lock.systems.find((system) => system.id === locked?.system)?.image;
  const facts = image ?? debianFacts(settings);
  const traits: readonly (readonly [Trait, boolean])[] = [
    ['no-shell', !facts.hasShell || settings.hardening.includes('shells')],
    ['no-package-manager', settings.hardening.includes('package-managers')],
    ['no-init', facts.init.length === 0],
    ['no-certificates', facts.certificateBundle === undefined],
    ['foreign-base', image !== undefined],
  ];
  return {
    release: cell.release,
    suite: suite && !suite.isExperimental ? suite.codename : '',
    variant: cell.variant,
    user: imageConfiguration(cell.release, settings, debianFacts(settings)).user,
    hardening: settings.hardening,
    traits: traits.flatMap(([trait, holds]) => (holds ? [trait] : [])),
  };
}

/** Maintainer scripts change a folder of this machine: an engine elsewhere cannot. */
function requireSandbox(runtime: Runtime): Sandbox {
  if (runtime.sandbox) return runtime.sandbox;
  throw new Failure('RUNTIME_MISSING', `slim and build images need a sandbox, which ${runtime.name} is not`, {
    hint: 'install runc and run as root: apt-get install runc',
  });
}

interface Testing {
  readonly candidate: Candidate;
  readonly checkedCell: CheckedCell;
  readonly tests: readonly DockerfileTest[];
  readonly runtime: () => Promise<Runtime>;
}

async function test(
  { store, context }: PipelineInput,
  cell: PlannedCell,
  { candidate, checkedCell, tests, runtime }: Testing,
): Promise<PlatformReport[]> {
  context.report({ kind: 'cell', cell: cell.id, step: 'test' });
  return await testCandidate(store, candidate, context, {
    cell: checkedCell,
    tests,
    runtime,
    parallel: context.concurrency,
    onCase: (done, total, failed) =>
      context.report({
        kind: 'cell',
        cell: cell.id,
        step: 'test',
        detail: `${done}/${total}${failed ? `, ${failed} failed` : ''}`,
      }),
  });
}

interface Publishing {
  readonly candidate: Candidate;
  readonly checkedCell: CheckedCell;
  readonly tests: readonly DockerfileTest[];
  readonly targets: readonly PublishTarget[];
}

async function publish(
  { store, context, allowOlder }: PipelineInput,
  cell: PlannedCell,
  { candidate, checkedCell, tests, targets }: Publishing,
): Promise<TargetReceipt[]> {
  context.report({ kind: 'cell', cell: cell.id, step: 'publish' });
  return await publishCell({
    store,
    cell,
    candidate,
    suites: requiredSuites(checkedCell, tests),
    targets,
    allowOlder,
  });
}

function judge(reports: readonly PlatformReport[]): 'failed' | 'untested' | undefined {
  if (reports.some(({ report }) => report.result === 'failed')) return 'failed';
  return reports.some(({ report }) => report.result === 'untested') ? 'untested' : undefined;
}

interface Steps {
  candidate?: Candidate;
  reports: PlatformReport[];
  receipts: TargetReceipt[];
}

/** Runs a cell's steps to an outcome: a failure is this cell's own, a bug of ours is everybody's. */
async function settle(
  cell: PlannedCell,
  context: Context,
  work: (steps: Steps) => Promise<Outcome>,
): Promise<CellResult> {
  const startedAtMs = performance.now();
  const steps: Steps = { reports: [], receipts: [] };
  function result(outcome: Outcome, why: { reason?: string; hint?: string } = {}): CellResult {
    context.report({ kind: 'cell', cell: cell.id, step: outcome, detail: why.reason });
    return { cell, outcome, seconds: (performance.now() - startedAtMs) / 1000, startedAtMs, ...why, ...steps };
  }
  try {
    const outcome = await work(steps);
    const problems = steps.reports.flatMap(
      ({ report }) =>
        report.reason ??
        report.cases
          .filter((item) => item.result === 'failed')
          .map((item) => `${item.id}: ${item.problems.join('; ')}`),
    );
    return result(outcome, problems.length > 0 ? { reason: problems.slice(0, 3).join('\n') } : {});
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isFailure(error)) throw error;
    if (error.code === 'DISK_FULL' || error.code === 'RUNTIME_MISSING') throw error;
    const blocked = ['TAG_IMMUTABLE', 'TAG_WOULD_MOVE_BACK', 'UNTESTED'].includes(error.code);
    return result(blocked ? 'blocked' : 'error', { reason: error.message, hint: error.hint });
  }
}

/** Things that all cells share and that are opened only when one of them needs it. */
function openShared({ store, loaded, context, runtime: wanted }: PipelineInput) {
  let runtime: Promise<Runtime> | undefined;
  let targets: (PublishTarget & { close?: () => Promise<void> })[] | undefined;
  const gate = createGate(context.concurrency + 1);
  return {
    runtime(): Promise<Runtime> {
      runtime ??= openRuntime(wanted, context.env).then((opened) => ({
        ...opened,
        run: (environment, request, signal) => gate(() => opened.run(environment, request, signal)),
      }));
      return runtime;
    },
    targets(): PublishTarget[] {
      targets ??= [
        { name: 'store', store },
        ...loaded.recipe.publish.map((target) => {
          const caFile = target.caFile === undefined ? undefined : resolve(loaded.folder, target.caFile);
          const registry = openRegistryStore({
            ...target,
            caFile,
            env: context.env,
            signal: context.signal,
            report: context.report,
          });
          return { name: target.repository, store: registry, close: () => registry.close() };
        }),
      ];
      return targets;
    },
    async close(): Promise<void> {
      const opened = await runtime?.catch(() => undefined);
      await opened?.close();
      for (const target of targets ?? []) await target.close?.();
    },
  };
}
