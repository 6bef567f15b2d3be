import { expect } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { batterySuite } from '../../src/stages/test/battery/battery-suite.ts';
import { runSuites } from '../../src/stages/test/run-suites.ts';
import { openTarget, type BuiltImage } from './battery-target.ts';
import type { BrokenImage } from './broken-images/break-image.ts';

/** The named cases fail on an image that is broken for them, and nothing else of it is asked. */
export async function expectNoticed(
  runtime: Runtime,
  image: BuiltImage,
  { ids, cell, breakage }: BrokenImage,
): Promise<void> {
  const whole = await openTarget(runtime, image);
  const target = await openTarget(runtime, image, breakage(whole.environment.config.config ?? {}));
  const suite = batterySuite({ ...image.cell, ...cell });
  const options = { parallel: 2, failFast: false, retries: 0, wants: (_: string, id: string) => ids.includes(id) };
  const cases = await runSuites(target, [suite], options);
  expect(cases.map(({ id, result }) => `${id} ${result}`).sort()).toEqual(ids.map((id) => `${id} failed`).sort());
}
