import { compareText } from './core/canonical-json.ts';
import { createGate, mapConcurrent } from './core/concurrency.ts';
import type { Digest } from './core/digest.ts';
import type { Context } from './core/context.ts';
import { Failure, isFailure } from './core/errors.ts';
import type { LoadedRecipe } from './config/load-recipe.ts';
import type { CellResult, Goal, Outcome } from './cell-result.ts';
import { recordHistory, writeCellLog } from './cell-log.ts';
import {
  attest,
  attestFailed,
  certify,
  gate,
  isCertified,
  ownerOfTags,
  requireAllowed,
  type CertifiedCell,
  type Judging,
} from './pipeline-evidence.ts';
import { chooseCells, planLocked } from './pipeline-plan.ts';
import { loadSuites, makeCandidate } from './pipeline-cells.ts';
import { openResources } from './pipeline-resources.ts';
import type { Runtime } from './runtimes/runtime.ts';
import type { Recipe } from './config/recipe-schema.ts';
import type { Candidate } from './stages/assemble/assemble-cell.ts';
import { settingsFor } from './stages/plan/image-settings.ts';
import type { PlannedCell } from './stages/plan/cell.ts';
import type { Descriptor } from './formats/oci/descriptor.ts';
import { archiveCell } from './stages/attest/archive-cell.ts';
import type { GatedCell } from './stages/gate/gate-cell.ts';
import type { ListedReferrers } from './evidence/evidence-store.ts';
import { learnStops } from './evidence/learn-stops.ts';
import {
  publishCell,
  withdraw,
  type PublishOptions,
  type PublishTarget,
  type TargetReceipt,
} from './stages/publish/publish-cell.ts';
import { answersOf, inputsOfCell, requireFresh, type Lock } from './stages/resolve/lock.ts';
import { restoreMissing } from './stages/resolve/restore-missing.ts';
import type { BenchOptions } from './stages/test/run-suites.ts';
import type { TestSuite } from './stages/test/suite.ts';
import { suiteNames, testCandidate, type PlatformReport } from './stages/test/test-candidate.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';
import type { Store } from './store/store.ts';

export type { CellResult, Goal } from './cell-result.ts';

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
  readonly allowBaseChange: boolean;
  /** Pattern of the cells to work on; the others keep what they have. */
  readonly cells?: string;
  /** Which policy of the recipe decides; without it, the first. */
  readonly environment?: string;
  /** How tests are run; without it, all of them, and what passed is not run again. */
  readonly bench?: BenchSettings;
}

export interface BenchSettings extends Pick<BenchOptions, 'failFast' | 'retries'> {
  readonly cache: { readonly readable: boolean; readonly keep: 'saved' | 'all' | 'failed' };
  /** Only these cases: nothing is recorded then. */
  readonly wants?: (suite: string, id: string, cell: string) => boolean;
  readonly again?: boolean;
  readonly onlyFailed?: boolean;
}

/** THE flow: every cell goes its own way from the lock to its tags, and none waits for or fails with another. */
export async function runPipeline(asked: PipelineInput): Promise<CellResult[]> {
  const history = recordHistory(asked.context.report);
  const context: Context = { ...asked.context, report: history.report };
  const input: PipelineInput = { ...asked, context };
  const { store, loaded, lock, goal } = input;
  requireFresh(lock, loaded.recipe, input.lockPath);
  const cells = chooseCells(planLocked(input), input.cells);
  const suites = await loadSuites(input, goal);
  // One after the other: cells share most of their inputs, and each is fetched once.
  const oneAtATime = createGate(1);
  const present = new Set<Digest>();
  const restore = (cell: PlannedCell): Promise<number> =>
    oneAtATime(() =>
      restoreMissing(store, inputsOfCell(lock, cell.id), { loaded, context, aptFolder: input.aptFolder, present }),
    );
  const resources = openResources(input);
  try {
    // A key that cannot be opened or a feed that is cut off is everybody's: it is found before an hour of work.
    if (goal === 'publish') await resources.certification();
    // Cells on one system follow each other, so that a few systems in memory are enough for hundreds of cells.
    const order = [...cells].sort((a, b) => compareText(`${a.base} ${a.variant}`, `${b.base} ${b.variant}`));
    const results = await mapConcurrent(order, context.concurrency * 4, async (cell) => {
      const result = await settle(cell, { context, goal }, async (steps) => {
        requireResolved(lock, cell);
        await restore(cell);
        steps.candidate = await makeCandidate(input, cell, { sandbox: resources.sandbox });
        requireBudget(loaded.recipe, cell, steps.candidate);
        if (goal === 'build') return steps.candidate.reused ? 'unchanged' : 'built';
        const suitesFor = await suites.of(cell);
        const { candidate } = steps;
        steps.reports = await test(input, cell, { candidate, suitesFor, runtime: resources.runtime });
        const verdict = judge(steps.reports);
        const job = {
          cell,
          candidate,
          reports: steps.reports,
          suitesFor: (platform: string) => suiteNames(suitesFor(platform)),
        };
        if (verdict) {
          if (isWhole(input.bench)) await attestFailed(input, resources.signing, job);
          return verdict;
        }
        if (goal === 'test') return steps.reports.every((report) => report.reused) ? 'unchanged' : 'tested';
        const certification = await resources.certification();
        const targets = resources.targets();
        const ask = () => learn(input, certification, { candidate, targets });
        // Targets answer while this machine signs.
        const asked = ask();
        asked.catch(() => {});
        context.report({ kind: 'cell', cell: cell.id, step: 'attest' });
        await attest(input, certification, job);
        const inputs = await archiveOf(input, cell, candidate);
        context.report({ kind: 'cell', cell: cell.id, step: 'gate' });
        const listed = await asked;
        steps.gated = await gate(input, certification, job);
        const { decision } = steps.gated;
        const admit = async () => {
          await ask();
          requireAllowed(await gate(input, certification, job));
        };
        const certified = (at: Store, digest: Digest) => isCertified(at, digest, certification.policy, context);
        const publication = {
          job,
          admit,
          isCertified: certified,
          ownerOf: ownerOfTags(loaded.recipe, certification.policy, context),
          environment: certification.policy.environment,
          tagSuffix: certification.policy.config.tagSuffix,
          inputs,
          targets,
          listed,
        };
        if (decision.result !== 'allowed') {
          await withdraw(publishing(input, cell, publication));
          return decision.result;
        }
        await certify(input, certification, job, steps.gated);
        context.report({ kind: 'cell', cell: cell.id, step: 'publish' });
        steps.receipts = await publishCell(publishing(input, cell, publication));
        return steps.receipts.some((receipt) => receipt.movedTags.length > 0) ? 'published' : 'unchanged';
      });
      // An attempt that did nothing has nothing to tell.
      if (result.outcome === 'unchanged') return result;
      const log = { startedAt: context.verificationTime, lines: history.linesOf(cell.id) };
      return { ...result, logPath: await writeCellLog(store, result, log) };
    });
    return cells.flatMap((cell) => results.find((result) => result.cell.id === cell.id) ?? []);
  } finally {
    await resources.close();
  }
}

/** What was said elsewhere against the image, before the gates are asked. */
async function learn(
  { store, context }: PipelineInput,
  { policy }: Judging,
  { candidate, targets }: { readonly candidate: Candidate; readonly targets: readonly PublishTarget[] },
): Promise<ReadonlyMap<Store, ListedReferrers>> {
  const subjects = [candidate.index.digest, ...candidate.platforms.map(({ manifest }) => manifest.digest)];
  const stores = targets.map((target) => target.store);
  return await learnStops(stores, store, subjects, { trust: policy.trust, now: context.verificationTime });
}

/** @throws Failure OVER_BUDGET names the platform that grew too large */
function requireBudget({ budgets }: Recipe, cell: PlannedCell, candidate: Candidate): void {
  const budget = Object.entries(budgets).find(([variant]) => variant === cell.variant)?.[1];
  if (budget === undefined) return;
  for (const { platform, sizeBytes } of candidate.platforms) {
    if (sizeBytes <= budget * 1e6) continue;
    const size = (sizeBytes / 1e6).toFixed(1);
    throw new Failure('OVER_BUDGET', `${cell.id} has ${size} MB on ${platform}, and its budget is ${budget} MB`, {
      hint: 'look with `nodeworthy show` at what grew, or raise budgets in the recipe',
    });
  }
}

/** @throws Failure with the reason that the lock has for a cell without inputs */
function requireResolved(lock: Lock, cell: PlannedCell): void {
  const problem = lock.unresolved.find((candidate) => candidate.id === cell.id);
  if (problem)
    throw new Failure('UNRESOLVED', problem.reason, {
      hint: problem.hint ?? 'once the cause is gone, run `nodeworthy lock` again',
    });
}

interface Testing {
  readonly candidate: Candidate;
  readonly suitesFor: (platform: string) => readonly TestSuite[];
  readonly runtime: () => Promise<Runtime>;
}

async function test(
  { store, context, bench }: PipelineInput,
  cell: PlannedCell,
  { candidate, suitesFor, runtime }: Testing,
): Promise<PlatformReport[]> {
  context.report({ kind: 'cell', cell: cell.id, step: 'test' });
  return await testCandidate(store, candidate, context, {
    suitesFor,
    runtime,
    parallel: context.concurrency,
    failFast: bench?.failFast ?? false,
    retries: bench?.retries ?? 0,
    cache: bench?.cache ?? { readable: true, keep: 'failed' },
    ...(bench?.wants ? { wants: (suite, id) => bench.wants?.(suite, id, cell.id) ?? true } : {}),
    again: bench?.again ?? false,
    onlyFailed: bench?.onlyFailed ?? false,
    onCase: (done, total, failed) =>
      context.report({
        kind: 'cell',
        cell: cell.id,
        step: 'test',
        detail: `${done}/${total}${failed ? `, ${failed} failed` : ''}`,
      }),
  });
}

type Publishing = Pick<
  PublishOptions,
  'admit' | 'isCertified' | 'ownerOf' | 'environment' | 'tagSuffix' | 'inputs' | 'targets' | 'listed'
> & {
  readonly job: CertifiedCell;
};

function publishing(
  { store, allowOlder, allowBaseChange }: PipelineInput,
  cell: PlannedCell,
  { job, ...more }: Publishing,
): PublishOptions {
  const { candidate, suitesFor } = job;
  return { store, cell, candidate, suitesFor, allowOlder, allowBaseChange, ...more };
}

function judge(reports: readonly PlatformReport[]): 'failed' | 'untested' | undefined {
  // A test that passed only when it was asked again proves nothing.
  if (reports.some(({ report }) => report.result === 'failed' || report.result === 'flaky')) return 'failed';
  return reports.some(({ report }) => report.result === 'untested') ? 'untested' : undefined;
}

/** Tests of some cases only are on no record, and nothing is said of them. */
function isWhole(bench: BenchSettings | undefined): boolean {
  return bench?.wants === undefined && bench?.onlyFailed !== true;
}

/** The inputs of a cell of the lock, as an artifact on its index; an image of a Dockerfile has none. */
async function archiveOf(
  { store, lock, loaded }: PipelineInput,
  cell: PlannedCell,
  candidate: Candidate,
): Promise<Descriptor | undefined> {
  const locked = lock.cells.find(({ id }) => id === cell.id);
  if (!locked) return undefined;
  const { compression } = loaded.recipe;
  return await archiveCell(store, candidate.index, {
    lock,
    cell: locked,
    compression,
    settings: settingsFor(loaded, cell, answersOf(lock)),
  });
}

interface Steps {
  candidate?: Candidate;
  gated?: GatedCell;
  reports: PlatformReport[];
  receipts: TargetReceipt[];
}

/** Runs a cell's steps to an outcome: a failure is this cell's own, a bug of ours is everybody's. */
async function settle(
  cell: PlannedCell,
  { context, goal }: Pick<PipelineInput, 'context' | 'goal'>,
  work: (steps: Steps) => Promise<Outcome>,
): Promise<CellResult> {
  const startedAtMs = performance.now();
  const steps: Steps = { reports: [], receipts: [] };
  function result(outcome: Outcome, why: Pick<CellResult, 'reason' | 'hint' | 'output'> = {}): CellResult {
    context.report({ kind: 'cell', cell: cell.id, step: outcome, detail: why.reason });
    return { cell, outcome, seconds: (performance.now() - startedAtMs) / 1000, startedAtMs, ...why, ...steps };
  }
  try {
    const outcome = await work(steps);
    const denied = (steps.gated?.decision.verdicts ?? []).filter(
      ({ result: answer }) => answer === 'deny' || answer === 'wait',
    );
    if (denied.length > 0 && outcome !== 'published' && outcome !== 'unchanged')
      return result(outcome, {
        reason: denied
          .slice(0, 8)
          .map(({ gate: name, reason }) => `${name}: ${reason}`)
          .join('\n'),
        hint: denied[0]?.fix,
      });
    const problems = steps.reports.flatMap(
      ({ report }) =>
        report.reason ??
        report.cases
          .filter(({ result }) => result === 'failed' || result === 'flaky')
          .map((item) =>
            item.result === 'flaky'
              ? `${item.id}: flaky: passed on attempt ${item.attempts.length}`
              : `${item.id}: ${item.problems.join('; ')}`,
          ),
    );
    return result(outcome, problems.length > 0 ? { reason: problems.slice(0, 3).join('\n') } : {});
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isFailure(error)) throw error;
    // An alarm is for everybody.
    if (error.code === 'INPUT_CHANGED') throw error;
    // Nobody can go on; but what needs no runtime can be built without one.
    if (error.code === 'DISK_FULL' || (error.code === 'RUNTIME_MISSING' && goal !== 'build')) throw error;
    const blocked = [
      'TAG_IMMUTABLE',
      'TAG_WOULD_MOVE_BACK',
      'TAG_WOULD_CHANGE_BASE',
      'TAG_OF_OTHER_ENVIRONMENT',
      'OVER_BUDGET',
      'UNTESTED',
      'DENIED',
    ].includes(error.code);
    const output = error.details?.['output'];
    return result(blocked ? 'blocked' : 'error', {
      reason: error.message,
      hint: error.hint,
      ...(Array.isArray(output) ? { output: output.map(String) } : {}),
    });
  }
}
