import { setTimeout as sleep } from 'node:timers/promises';
import { pathExpression } from '../../../../formats/dockerfile/path-patterns.ts';
import { findsPattern } from '../../../../formats/structure-test/go-text.ts';
import { observeProcesses } from '../../../../runtimes/inside/observe-processes.ts';
import { openProbe, type Probe } from '../../../../runtimes/inside/open-probe.ts';
import type { Environment, LayerFile, RunningContainer, RunRequest, RunResult } from '../../../../runtimes/runtime.ts';
import { layerKey, type TestStep } from '../../layer-cache.ts';
import type { CaseOutcome, TestTarget } from '../../suite.ts';
import { bytesOf, type RunStep, type RunTest } from './run-schema.ts';

interface Performance {
  readonly run: RunTest;
  readonly layer: readonly LayerFile[];
  readonly hosts: readonly string[];
}

const pollMs = 25;

/** Starts a container, does the steps one after the other, and compares how it ended with what was expected. */
export async function performRun(target: TestTarget, { run, layer, hosts }: Performance): Promise<CaseOutcome> {
  const started = performance.now();
  const { runtime, context, cache } = target;
  const base = layer.length > 0 ? await runtime.addLayer(target.environment, layer) : target.environment;
  const request = toRequest(run, hosts, runtime.layers !== undefined);
  const problems: string[] = [];
  const output: string[] = [];
  const steps: TestStep[] = [];
  let environment: Environment = base;
  let container = await runtime.start(environment, request, context.signal);
  const sampler = run.expect.maxMemory === undefined ? undefined : samplePeak(container);
  let probe: Probe | undefined;
  let stopped = false;

  async function end(signal: 'SIGTERM' | 'SIGKILL', withinMs: number): Promise<RunResult> {
    const over = watchEnd(container);
    if (signal === 'SIGTERM') await container.signal('SIGTERM');
    const limit = performance.now() + withinMs;
    while (!over.yet && performance.now() < limit) await sleep(pollMs);
    if (!over.yet) await container.signal('SIGKILL');
    const { result, environment: after } = await container.finished;
    environment = after;
    return result;
  }

  try {
    for (const [index, step] of run.steps.entries()) {
      if (step.restart) {
        const result = await end('SIGTERM', 10_000);
        output.push(result.stdout, result.stderr, '> restart\n');
        await probe?.close();
        probe = undefined;
        container = await runtime.start(environment, request, context.signal);
        continue;
      }
      probe ??= (step.request ?? step.waitFor?.port) ? openProbe(await pidOf(container)) : undefined;
      const problem = await perform(step, { container, probe });
      if (problem === undefined) continue;
      problems.push(`step ${index + 1}: ${problem}`);
      break;
    }
    const { expect } = run;
    const atLastStep = performance.now();
    // A container that somebody steers and nobody expects to end is ended by us, and its exit code means nothing.
    const endsByItself =
      run.steps.length === 0 ||
      expect.endsWithinSeconds !== undefined ||
      run.steps.some(({ signal }) => signal) ||
      expect.exitCode !== undefined;
    stopped = problems.length > 0 || !endsByItself;
    const allowedMs = (expect.endsWithinSeconds ?? run.timeoutSeconds) * 1000;
    const result = stopped ? await end('SIGKILL', 0) : await end('SIGKILL', allowedMs);
    const tookMs = performance.now() - atLastStep;
    const memory = Math.max(
      result.resources?.memoryPeakBytes ?? 0,
      result.resources?.memoryPeakBytes ? 0 : (sampler?.peakBytes() ?? 0),
    );
    problems.push(...judge(run, result, { stopped, tookMs, allowedMs, memory }));
    output.push(result.stdout, result.stderr);
    const key = layerKey(target.subject, [runtime.name, target.platform, run]);
    if (runtime.layers)
      steps.push({
        key,
        text: run.name,
        environment,
        output: output.join(''),
        changes: result.changes,
        isFound: false,
      });
    return {
      id: run.name,
      problems,
      durationMs: performance.now() - started,
      exitCode: result.exitCode,
      output: output.join(''),
      droppedBytes: result.droppedBytes,
      resources: {
        ...(memory > 0 ? { memoryPeakBytes: memory } : {}),
        ...(result.resources?.cpuMs === undefined ? {} : { cpuMs: result.resources.cpuMs }),
      },
      layers: result.changes ? [result.changes] : [],
    };
  } finally {
    sampler?.stop();
    await probe?.close();
    await container.signal('SIGKILL').catch(() => {});
    await container.finished.catch(() => {});
    await cache.settle(runtime, { id: run.name, steps, failed: problems.length > 0 });
    if (base !== target.environment) await runtime.dispose(base);
  }
}

function toRequest(run: RunTest, hosts: readonly string[], keepChanges: boolean): RunRequest {
  const restarts = run.steps.some(({ restart }) => restart);
  const writes = run.steps.some(({ write }) => write !== undefined);
  return {
    ...(run.entrypoint ? { args: run.entrypoint } : {}),
    ...(run.command ? { command: run.command } : {}),
    env: {
      ...run.env,
      ...(run.timeZone === undefined ? {} : { TZ: run.timeZone }),
      ...(run.locale === undefined ? {} : { LANG: run.locale, LC_ALL: run.locale }),
    },
    ...(run.user === undefined ? {} : { user: run.user }),
    ...(run.workingDirectory === undefined ? {} : { workingDirectory: run.workingDirectory }),
    readOnly: run.readOnlyRoot,
    tmpfs: run.tmpfs,
    capabilities: run.capabilities,
    ...(run.memory === undefined ? {} : { memoryBytes: bytesOf(run.memory) }),
    ...(run.cpus === undefined ? {} : { cpus: run.cpus }),
    ...(run.processes === undefined ? {} : { pidsLimit: run.processes }),
    ...(run.disk === undefined ? {} : { diskBytes: bytesOf(run.disk) }),
    ...(run.stdin === undefined ? (writes ? { input: 'open' as const } : {}) : { input: Buffer.from(run.stdin) }),
    terminal: run.terminal,
    hosts,
    timeoutMs: run.timeoutSeconds * 1000,
    keepChanges: keepChanges || restarts,
  };
}

/** Whether a container has ended, to be looked at again and again. */
function watchEnd({ finished }: RunningContainer): { readonly yet: boolean } {
  const over = { yet: false };
  finished.then(
    () => (over.yet = true),
    () => (over.yet = true),
  );
  return over;
}

async function pidOf(container: RunningContainer): Promise<number> {
  // A container that is already gone has nothing to be asked: the request says so.
  return await container.pid().catch(() => 0);
}

/** What is wrong; undefined when the step did what it should. */
async function perform(
  step: RunStep,
  { container, probe }: { readonly container: RunningContainer; readonly probe: Probe | undefined },
): Promise<string | undefined> {
  const over = watchEnd(container);
  await Promise.resolve();
  if (step.sleepSeconds !== undefined) await sleep(step.sleepSeconds * 1000);
  if (step.signal) await container.signal(step.signal);
  if (step.write !== undefined) container.write(Buffer.from(step.write));
  const { waitFor, request, observe } = step;
  if (waitFor) {
    const limit = performance.now() + waitFor.withinSeconds * 1000;
    let last = '';
    for (;;) {
      if (waitFor.line !== undefined) {
        const { stdout, stderr } = container.output();
        const found = findsPattern(waitFor.line, `${stdout}\n${stderr}`);
        if (found === undefined) return `${JSON.stringify(waitFor.line)} is no regular expression`;
        if (found) return undefined;
      } else {
        const path = waitFor.http === undefined ? {} : { path: waitFor.http };
        const answer = await probe?.ask({ port: waitFor.port ?? 0, ...path, timeoutMs: 2000 });
        if (answer?.ok && answer.status < 400) return undefined;
        last = answer?.ok ? `: the answer was ${answer.status}` : `: ${answer?.error}`;
      }
      await sleep(pollMs);
      const what =
        waitFor.line === undefined
          ? `port ${waitFor.port}${waitFor.http ?? ''}`
          : `the line ${JSON.stringify(waitFor.line)}`;
      if (over.yet) return `the container ended before ${what} came`;
      if (performance.now() > limit) return `${what} did not come within ${waitFor.withinSeconds} s${last}`;
    }
  }
  if (request) {
    const answer = await probe?.ask({ ...request, timeoutMs: request.withinSeconds * 1000 });
    if (!answer?.ok) return `${request.method} ${request.path}: ${answer?.error ?? 'no network'}`;
    if (answer.status !== request.status)
      return `${request.method} ${request.path}: the answer was ${answer.status}, expected ${request.status}`;
    for (const pattern of request.answer)
      if (findsPattern(pattern, answer.body) !== true)
        return `${request.method} ${request.path}: ${JSON.stringify(pattern)} is not in the answer ${JSON.stringify(answer.body.slice(0, 300))}`;
    for (const [name, pattern] of Object.entries(request.answerHeaders))
      if (findsPattern(pattern, answer.headers[name.toLowerCase()] ?? '') !== true)
        return `${request.method} ${request.path}: the header ${name} is ${JSON.stringify(answer.headers[name.toLowerCase()])}`;
  }
  if (observe) {
    const { count, zombies, residentBytes } = await observeProcesses(over.yet ? 0 : await pidOf(container));
    if (observe.running !== undefined && observe.running === over.yet)
      return over.yet ? 'the container has ended' : 'the container still runs';
    if (observe.maxProcesses !== undefined && count > observe.maxProcesses)
      return `${count} processes, at most ${observe.maxProcesses} are expected`;
    if (observe.minProcesses !== undefined && count < observe.minProcesses)
      return `${count} processes, at least ${observe.minProcesses} are expected`;
    if (observe.maxZombies !== undefined && zombies > observe.maxZombies)
      return `${zombies} zombies, at most ${observe.maxZombies} are expected`;
    if (observe.maxMemory !== undefined && residentBytes > bytesOf(observe.maxMemory))
      return `${Math.round(residentBytes / 1e6)} MB of memory, at most ${observe.maxMemory} are expected`;
  }
  return undefined;
}

interface Ending {
  readonly stopped: boolean;
  readonly tookMs: number;
  readonly allowedMs: number;
  readonly memory: number;
}

function judge(
  { expect, timeoutSeconds }: RunTest,
  result: RunResult,
  { stopped, tookMs, allowedMs, memory }: Ending,
): string[] {
  const problems: string[] = [];
  if (result.stopped !== undefined) problems.push(result.stopped);
  if (result.timedOut) problems.push(`did not end within ${timeoutSeconds} s`);
  else if (!stopped && tookMs > allowedMs)
    problems.push(`did not end within ${allowedMs / 1000} s after the last step`);
  const codes = expect.exitCode ?? [0];
  if (!stopped && !codes.includes(result.exitCode ?? -1))
    problems.push(`exit code ${result.exitCode}, expected ${codes.join(' or ')}`);
  for (const [patterns, text, where, isWanted] of [
    [expect.stdout, result.stdout, 'stdout', true],
    [expect.stderr, result.stderr, 'stderr', true],
    [expect.notStdout, result.stdout, 'stdout', false],
    [expect.notStderr, result.stderr, 'stderr', false],
  ] as const)
    for (const pattern of patterns) {
      const found = findsPattern(pattern, text);
      if (found === undefined) problems.push(`${JSON.stringify(pattern)} is no regular expression`);
      else if (found !== isWanted) problems.push(`${JSON.stringify(pattern)} is ${isWanted ? 'not ' : ''}in ${where}`);
    }
  if (expect.withinSeconds !== undefined && result.durationMs > expect.withinSeconds * 1000)
    problems.push(`took ${(result.durationMs / 1000).toFixed(1)} s, allowed ${expect.withinSeconds}`);
  if (expect.maxMemory !== undefined && memory > bytesOf(expect.maxMemory))
    problems.push(`used ${Math.round(memory / 1e6)} MB of memory, allowed ${expect.maxMemory}`);
  const allowed = expect.changes?.map(pathExpression);
  for (const line of allowed ? (result.changes?.paths ?? []) : []) {
    const [what, path = ''] = line.split(' /');
    // A folder counts as changed because something in it was.
    if (what === 'C' && result.changes?.paths.some((other) => other.includes(` /${path}/`))) continue;
    if (!allowed?.some((expression) => expression.test(`/${path}`))) problems.push(`/${path} was written`);
  }
  return problems;
}

/** The most memory that was seen, where the runtime does not say. */
function samplePeak(container: RunningContainer) {
  let peak = 0;
  const timer = setInterval(() => {
    void pidOf(container).then(async (pid) => {
      peak = Math.max(peak, pid === 0 ? 0 : (await observeProcesses(pid)).residentBytes);
    });
  }, 500);
  timer.unref();
  return { peakBytes: () => peak, stop: () => clearInterval(timer) };
}
