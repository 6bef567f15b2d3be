import { setTimeout as sleep } from 'node:timers/promises';
import { observeProcesses } from '../../../../runtimes/inside/observe-processes.ts';
import { openProbe, type Probe } from '../../../../runtimes/inside/open-probe.ts';
import type { Environment, LayerFile, RunningContainer, RunRequest } from '../../../../runtimes/runtime.ts';
import { layerKey, type TestStep } from '../../layer-cache.ts';
import type { CaseOutcome, TestTarget } from '../../suite.ts';
import { doStep, pidOf, pollMs, watchEnd } from './do-step.ts';
import { judgeRun } from './judge-run.ts';
import { bytesOf, type RunTest } from './run-schema.ts';

interface Performance {
  readonly run: RunTest;
  readonly layer: readonly LayerFile[];
  readonly hosts: readonly string[];
}

/** Starts a container, does the steps one after the other, and compares how it ended with what was expected. */
export async function performRun(target: TestTarget, { run, layer, hosts }: Performance): Promise<CaseOutcome> {
  const started = performance.now();
  const { runtime, context, cache } = target;
  const { signal } = context;
  const base = layer.length > 0 ? await runtime.addLayer(target.environment, layer) : target.environment;
  const request = toRequest(run, hosts, runtime.layers !== undefined);
  const problems: string[] = [];
  const output: string[] = [];
  const steps: TestStep[] = [];
  let environment: Environment = base;
  let container: RunningContainer | undefined;
  let sampler: ReturnType<typeof samplePeak> | undefined;
  let probe: Probe | undefined;

  async function start(): Promise<RunningContainer> {
    container = await runtime.start(environment, request, signal);
    sampler?.stop();
    if (run.expect.maxMemory !== undefined) sampler = samplePeak(container);
    return container;
  }

  /** Waits for the end, and makes it when it does not come: whether that was needed is told. */
  async function end(running: RunningContainer, first: 'SIGTERM' | undefined, withinMs: number) {
    const over = watchEnd(running);
    await sleep(0);
    if (first && !over.yet) await running.signal(first);
    const limit = performance.now() + withinMs;
    while (!over.yet && performance.now() < limit) await sleep(pollMs);
    const killed = !over.yet;
    if (killed) await running.signal('SIGKILL');
    const { result, environment: after } = await running.finished;
    environment = after;
    output.push(result.stdout, result.stderr);
    const changes = result.changes ?? (await runtime.describeLayer(after));
    return { result: { ...result, changes }, killed };
  }

  try {
    let running = await start();
    for (const [index, step] of run.steps.entries()) {
      if (step.restart) {
        const { result } = await end(running, 'SIGTERM', 10_000);
        const cutShort = result.timedOut ? `did not end within ${run.timeoutSeconds} s` : result.stopped;
        if (cutShort !== undefined) problems.push(`step ${index + 1}: before the restart: ${cutShort}`);
        output.push('> restart\n');
        await probe?.close();
        probe = undefined;
        running = await start();
        continue;
      }
      probe ??= (step.request ?? step.waitFor?.port) ? openProbe(await pidOf(running)) : undefined;
      const problem = await doStep(step, { container: running, probe, signal });
      if (problem === undefined) continue;
      problems.push(`step ${index + 1}: ${problem}`);
      break;
    }
    const { expect } = run;
    // A container that somebody steers and nobody expects to end is ended by us, and only then its exit code means nothing.
    const endsByItself =
      run.steps.length === 0 ||
      expect.endsWithinSeconds !== undefined ||
      run.steps.some((step) => step.signal) ||
      expect.exitCode !== undefined;
    const waits = problems.length === 0 && endsByItself;
    const allowedMs = waits ? (expect.endsWithinSeconds ?? run.timeoutSeconds) * 1000 : 0;
    const { result, killed } = await end(running, undefined, allowedMs);
    const memory = result.resources?.memoryPeakBytes ?? sampler?.peakBytes();
    problems.push(...judgeRun(run, result, { stopped: killed && !waits, isLate: killed && waits, allowedMs, memory }));
    const key = layerKey(target.subject, [runtime.name, target.platform, run]);
    if (runtime.layers)
      steps.push({
        key: problems.length > 0 ? layerKey(key, 'failed') : key,
        text: run.name,
        environment,
        output: output.join(''),
        changes: Promise.resolve(result.changes),
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
        ...(memory === undefined ? {} : { memoryPeakBytes: memory }),
        ...(result.resources?.cpuMs === undefined ? {} : { cpuMs: result.resources.cpuMs }),
      },
      layers: [result.changes],
    };
  } finally {
    sampler?.stop();
    await probe?.close();
    await container?.signal('SIGKILL').catch(() => {});
    await container?.finished.catch(() => {});
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
    publicHosts: run.hosts.filter((host) => !hosts.includes(host)),
    timeoutMs: run.timeoutSeconds * 1000,
    keepChanges: keepChanges || restarts,
  };
}

/** The most memory that was seen, where the runtime does not say. */
function samplePeak(container: RunningContainer) {
  let peak: number | undefined;
  const look = (): void => {
    void pidOf(container).then(async (pid) => {
      const { count, residentBytes } = await observeProcesses(pid);
      if (count > 0) peak = Math.max(peak ?? 0, residentBytes);
    });
  };
  look();
  const timer = setInterval(look, 500);
  timer.unref();
  return { peakBytes: () => peak, stop: () => clearInterval(timer) };
}
