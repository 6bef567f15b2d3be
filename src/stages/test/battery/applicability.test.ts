import { expect, it } from 'vitest';
import { capabilitiesOf } from '../../catalog/capabilities.ts';
import type { HeapSizes } from '../../plan/image-settings.ts';
import { whyNot } from './applicability.ts';
import { containerRuns } from './battery.ts';

it('does not hold an image to sizes of memory that the recipe itself makes too small', () => {
  const applies = (heap: HeapSizes): string[] =>
    containerRuns
      .filter(({ id }) => /^heap-limit\/\d/.test(id))
      .filter(
        (run) =>
          whyNot(run, { release: '24.21.0', capabilities: capabilitiesOf('24.21.0'), traits: [], heap }) === undefined,
      )
      .map(({ id }) => id);
  expect(applies({ percentage: 70 })).toHaveLength(4);
  expect(applies({ percentage: 75, semiSpaceMb: 64 })).toEqual(['heap-limit/2048MB']);
  const [small] = containerRuns.filter(({ id }) => id === 'heap-limit/128MB');
  expect(
    small &&
      whyNot(small, {
        release: '24.21.0',
        capabilities: capabilitiesOf('24.21.0'),
        traits: [],
        heap: { percentage: 75, semiSpaceMb: 64 },
      }),
  ).toBe('the recipe gives the heap 288 MiB of 128');
});
