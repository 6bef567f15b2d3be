import { setTimeout as sleep } from 'node:timers/promises';
import { findsPattern } from '../../../../formats/structure-test/go-text.ts';
import { observeProcesses } from '../../../../runtimes/inside/observe-processes.ts';
import type { Probe } from '../../../../runtimes/inside/open-probe.ts';
import type { RunningContainer } from '../../../../runtimes/runtime.ts';
import { bytesOf, type RunStep } from './run-schema.ts';

export const pollMs = 25;

export interface StepTarget {
  readonly container: RunningContainer;
  readonly probe: Probe | undefined;
  readonly signal: AbortSignal;
}

/** Whether a container has ended, to be looked at again and again. */
export function watchEnd({ finished }: RunningContainer): { readonly yet: boolean } {
  const over = { yet: false };
  finished.then(
    () => (over.yet = true),
    () => (over.yet = true),
  );
  return over;
}

export async function pidOf(container: RunningContainer): Promise<number> {
  // A container that is already gone has nothing to be asked: the request says so.
  return await container.pid().catch(() => 0);
}

/** What is wrong; undefined when the step did what it should. */
export async function doStep(step: RunStep, { container, probe, signal }: StepTarget): Promise<string | undefined> {
  const over = watchEnd(container);
  if (step.sleepSeconds !== undefined)
    await Promise.race([sleep(step.sleepSeconds * 1000, undefined, { signal }), container.finished.catch(() => {})]);
  if (step.signal) await container.signal(step.signal);
  if (step.write !== undefined) container.write(Buffer.from(step.write));
  const { waitFor, request, observe } = step;
  if (waitFor) {
    const limit = performance.now() + waitFor.withinSeconds * 1000;
    let last = '';
    for (;;) {
      // Read before looking: what came just before the end is still seen.
      const hasEnded = over.yet;
      const isLastLook = hasEnded || performance.now() > limit;
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
      if (isLastLook) {
        const what =
          waitFor.line === undefined
            ? `port ${waitFor.port}${waitFor.http ?? ''}`
            : `the line ${JSON.stringify(waitFor.line)}`;
        return hasEnded
          ? `the container ended before ${what} came`
          : `${what} did not come within ${waitFor.withinSeconds} s${last}`;
      }
      await sleep(pollMs, undefined, { signal });
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
    await sleep(0);
    const { count, zombies, residentBytes } = await observeProcesses(over.yet ? 0 : await pidOf(container));
    if (observe.running !== undefined && observe.running === over.yet)
      return over.yet ? 'the container has ended' : 'the container still runs';
    // Nothing is known of what is not there.
    if (count === 0 && observe.running !== false) return 'the container has ended, and could not be looked at';
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
