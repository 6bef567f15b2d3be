import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RunningContainer } from '../../../../runtimes/runtime.ts';
import { doStep, type StepTarget } from './do-step.ts';
import { RunFileSchema, type RunStep } from './run-schema.ts';

/** A container that says `last` and ends at once, after some milliseconds. */
function ending(afterMs: number, last: string): StepTarget {
  let stdout = '';
  const finished = sleep(afterMs).then(() => {
    stdout = last;
  });
  const container = { finished, output: () => ({ stdout, stderr: '' }) } as unknown as RunningContainer;
  return { container, probe: undefined, signal: new AbortController().signal };
}

function parse(step: object): RunStep {
  return (
    RunFileSchema.parse({ runs: [{ name: 'x', command: ['x'], steps: [step] }] }).runs[0]?.steps[0] ?? expect.fail()
  );
}

it('sees a line that comes just before the end', async () => {
  const step = parse({ waitFor: { line: 'ready' } });
  expect(await doStep(step, ending(10, 'ready\n'))).toBeUndefined();
  expect(await doStep(step, ending(10, 'other\n'))).toBe('the container ended before the line "ready" came');
  expect(await doStep(step, ending(0, ''))).toBe('the container ended before the line "ready" came');
});

it('does not wait longer than the step says', async () => {
  const step = parse({ waitFor: { line: 'ready', withinSeconds: 0.05 } });
  expect(await doStep(step, ending(5000, ''))).toBe('the line "ready" did not come within 0.05 s');
});
