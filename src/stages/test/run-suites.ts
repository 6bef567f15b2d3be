import { mapConcurrent } from '../../core/concurrency.ts';
import { isFailure } from '../../core/errors.ts';
import type { TestCase } from './report.ts';
import type { CaseOutcome, TestJob, TestSuite, TestTarget } from './suite.ts';

export interface BenchOptions {
  /** How many containers run at once. */
  readonly parallel: number;
  /** Stop asking after the first failure. */
  readonly failFast: boolean;
  /** Further attempts, where the definition says nothing. */
  readonly retries: number;
  /** Which cases are wanted; without it, all. */
  readonly wants?: (suite: string, id: string) => boolean;
  readonly onCase?: (done: number, total: number, failed: number) => void;
}

const maxOutputCharacters = 65_536;
const maxProblems = 50;

/** Runs the cases of suites side by side, each on layers of its own; order means nothing. */
export async function runSuites(
  target: TestTarget,
  suites: readonly TestSuite[],
  { parallel, failFast, retries, wants = () => true, onCase }: BenchOptions,
): Promise<TestCase[]> {
  const jobs = suites.flatMap((suite) =>
    suite.jobs.flatMap((job) => {
      const ids = job.ids.filter((id) => wants(suite.suite.id, id));
      return ids.length === 0 ? [] : [{ suite, job, ids }];
    }),
  );
  const total = jobs.reduce((sum, { ids }) => sum + ids.length, 0);
  let done = 0;
  let failed = 0;
  const finished = await mapConcurrent(jobs, parallel, async ({ suite, job, ids }) => {
    if (failFast && failed > 0) return ids.map((id) => withoutRun(suite, id, { result: 'not-run' }));
    const cases = await attempt(target, { suite, job, ids, retries: Math.max(retries, suite.settings.retries) });
    done += cases.length;
    failed += cases.filter(({ result }) => result === 'failed').length;
    onCase?.(done, total, failed);
    return cases;
  });
  const left = suites.flatMap((suite) =>
    (suite.notApplicable ?? [])
      .filter(({ id }) => wants(suite.suite.id, id))
      .map((item) => withoutRun(suite, item.id, { result: 'not-applicable', reason: item.reason })),
  );
  return [...finished.flat(), ...left];
}

interface Work {
  readonly suite: TestSuite;
  readonly job: TestJob;
  readonly ids: readonly string[];
  readonly retries: number;
}

/** Tries what failed again, as often as is allowed: each attempt is kept, and one that only then passed is flaky. */
async function attempt(target: TestTarget, { suite, job, ids, retries }: Work): Promise<TestCase[]> {
  const attempts = new Map<string, CaseOutcome[]>(ids.map((id) => [id, []]));
  for (let round = 0; round <= retries; round++) {
    const open = ids.filter((id) => attempts.get(id)?.at(-1)?.problems.length !== 0);
    if (open.length === 0) break;
    for (const outcome of await withinTime(target, { suite, job, ids: open })) {
      // A program tells of its tests only when it runs; two of one name are one.
      const known = attempts.get(outcome.id) ?? [];
      attempts.set(outcome.id, [...known, outcome]);
    }
  }
  return [...attempts].map(([id, outcomes]) => toCase(suite.suite.id, id, outcomes));
}

async function withinTime(
  target: TestTarget,
  { suite, job, ids }: Omit<Work, 'retries'>,
): Promise<readonly CaseOutcome[]> {
  const { timeoutMs } = suite.settings;
  const { context } = target;
  const started = performance.now();
  const late = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([context.signal, late]);
  try {
    return await job.run({ ...target, context: { ...context, signal } }, ids);
  } catch (error) {
    context.signal.throwIfAborted();
    // What the image does not have, like a user, is this test's matter and nobody else's.
    const isOwn = isFailure(error, 'USAGE') || (isFailure(error, 'RUNTIME_FAILED') && (await isRuntimeWell(target)));
    if (!late.aborted && !isOwn) throw error;
    return ids.map((id) => ({
      id,
      problems: [isOwn ? error.message : `did not end within ${timeoutMs / 1000} s`],
      durationMs: performance.now() - started,
      exitCode: null,
      output: '',
      droppedBytes: 0,
      layers: [],
    }));
  }
}

/** Whether the candidate starts as it is: what cannot be started then is the test's own making, like a folder to work in. */
async function isRuntimeWell({ runtime, environment, context }: TestTarget): Promise<boolean> {
  try {
    await runtime.run(environment, { args: ['true'], timeoutMs: 60_000 }, context.signal);
    return true;
  } catch (error) {
    if (isFailure(error)) return false;
    throw error;
  }
}

function toCase(suite: string, id: string, attempts: readonly CaseOutcome[]): TestCase {
  const last = attempts.at(-1);
  if (!last) throw new TypeError(`${suite} gave no outcome for ${id}`);
  const passed = last.problems.length === 0;
  const cut = Math.max(0, last.output.length - maxOutputCharacters);
  return {
    id,
    suite,
    result: passed ? (attempts.length > 1 ? 'flaky' : 'passed') : 'failed',
    attempts: attempts.map(({ problems, durationMs }) => ({
      result: problems.length === 0 ? 'passed' : 'failed',
      durationMs: Math.round(durationMs),
      problems: problems.slice(0, maxProblems),
    })),
    durationMs: Math.round(attempts.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    exitCode: last.exitCode,
    problems: last.problems.slice(0, maxProblems),
    output: last.output.slice(0, maxOutputCharacters),
    droppedBytes: last.droppedBytes + cut,
    ...(last.resources ? { resources: last.resources } : {}),
    layers: last.layers,
    ...(last.cachedSteps === undefined ? {} : { cachedSteps: last.cachedSteps }),
  };
}

function withoutRun({ suite }: TestSuite, id: string, result: Pick<TestCase, 'result' | 'reason'>): TestCase {
  const rest = { durationMs: 0, exitCode: null, problems: [], output: '', droppedBytes: 0, layers: [] };
  return { id, suite: suite.id, ...result, attempts: [], ...rest };
}
