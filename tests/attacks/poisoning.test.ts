// Whatever happens to the files of a store between two runs: a tag means what the lock makes and the tests passed, or
// it means nothing. The benchmark does many more rounds of the same.
import { describe, expect, it } from 'vitest';
import { forkPublished, poisonedRound } from '../support/poisoned-round.ts';

describe('a store that somebody changed at random', () => {
  it.each([1, 2, 3])('heals, or says which file is damaged: round %i', { timeout: 600_000 }, async (seed) => {
    const world = await forkPublished();
    const round = await poisonedRound(world, { seed, changes: 20 });
    expect(round.problems, round.done.join('\n')).toEqual([]);
  });
});
