import { looksLikeJunit, readJunit } from '../../formats/test-output/read-junit.ts';
import { looksLikeTap, readTap, type ReportedCase } from '../../formats/test-output/read-tap.ts';
import type { LayerFile, RunRequest, RunResult } from '../../runtimes/runtime.ts';
import { assertionOf, cutOutput } from './assertion-text.ts';
import { layerKey } from './layer-cache.ts';
import type { CaseOutcome, TestTarget } from './suite.ts';

export interface Program {
  /** Case of the program itself; what it reports gets this in front of its names. */
  readonly id: string;
  readonly layer: readonly LayerFile[];
  readonly request: RunRequest;
}

/** Runs a program on layers of its own: its exit code is one case, and each test that it reports is another. */
export async function runProgram(target: TestTarget, { id, layer, request }: Program): Promise<CaseOutcome[]> {
  const started = performance.now();
  const { runtime, context, cache } = target;
  const environment = await runtime.addLayer(target.environment, layer);
  const { result, environment: after } = await runtime
    .run(environment, { ...request, keepChanges: runtime.layers !== undefined }, context.signal)
    .catch(async (error: unknown) => {
      await runtime.dispose(environment);
      throw error;
    });
  const changes = result.changes ?? (await runtime.describeLayer(after));
  const reported = readReported(result.stdout);
  const problems = problemsOf(result, request, reported);
  const failed = problems.length > 0;
  const output = result.stdout + result.stderr;
  const key = layerKey(target.subject, [runtime.name, target.platform, id, request]);
  const step = {
    key,
    text: (request.args ?? []).join(' '),
    environment: after,
    output,
    changes: Promise.resolve(changes),
    isFound: false,
  };
  await cache.settle(runtime, { id, steps: runtime.layers ? [step] : [], failed });
  await runtime.dispose(environment);
  const main: CaseOutcome = {
    id,
    problems,
    durationMs: performance.now() - started,
    exitCode: result.exitCode,
    output,
    droppedBytes: result.droppedBytes,
    ...(result.resources ? { resources: result.resources } : {}),
    layers: [changes],
  };
  return [main, ...reported.map((item) => toOutcome(id, item))];
}

function problemsOf(result: RunResult, request: RunRequest, reported: readonly ReportedCase[]): string[] {
  if (result.timedOut) return [`did not end within ${request.timeoutMs / 1000} s`];
  if (result.stopped !== undefined) return [result.stopped];
  if (result.exitCode === 127)
    return [`exit code 127: ${request.args?.[0] ?? 'the program'} is not in the image, or what starts it is not`];
  const bad = reported.filter((item) => item.result === 'failed').length;
  if (bad > 0) return [`exit code ${result.exitCode}: ${bad} of ${reported.length} tests failed`];
  if (result.exitCode !== 0) return [`exit code ${result.exitCode}: ${assertionOf(result.stderr || result.stdout)}`];
  const isReport = looksLikeTap(result.stdout) || looksLikeJunit(result.stdout);
  if (isReport && result.droppedBytes > 0) return [cutOutput(result.droppedBytes)];
  const { missing } = looksLikeTap(result.stdout) ? readTap(result.stdout) : { missing: 0 };
  return missing > 0 ? [`${missing} of the planned tests did not run`] : [];
}

/** What is skipped is told by the output of the program; it neither passed nor failed. */
function readReported(stdout: string): readonly ReportedCase[] {
  const all = looksLikeJunit(stdout)
    ? safely(() => readJunit(stdout))
    : looksLikeTap(stdout)
      ? readTap(stdout).cases
      : [];
  return numbered(all.filter(({ result }) => result !== 'skipped'));
}

/** Tests without a name, or with one that another has, are told apart by their number. */
function numbered(cases: readonly ReportedCase[]): ReportedCase[] {
  const seen = new Map<string, number>();
  return cases.map((item) => {
    const count = (seen.get(item.name) ?? 0) + 1;
    seen.set(item.name, count);
    const isPlain = count === 1 && !/(?:^|> )$/.test(item.name);
    return isPlain ? item : { ...item, name: `${item.name || 'test'} (${count})` };
  });
}

function safely(read: () => readonly ReportedCase[]): readonly ReportedCase[] {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [{ name: 'its report', result: 'failed', message: `is no JUnit: ${error.message.split('\n')[0]}` }];
  }
}

function toOutcome(id: string, { name, result, message }: ReportedCase): CaseOutcome {
  return {
    id: `${id} > ${name}`,
    problems: result === 'failed' ? [message || 'failed'] : [],
    durationMs: 0,
    exitCode: null,
    output: '',
    droppedBytes: 0,
    layers: [],
  };
}
