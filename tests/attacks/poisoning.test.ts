// Whatever happens to the files of a store between two runs: a tag means what the lock makes and the tests passed, or
// it means nothing. `npm run bench -- attacks` does many more rounds of the same.
import { appendFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { forkPublished, poisonedRound } from '../support/poisoned-round.ts';

const rounds = Number(process.env['POISONED_ROUNDS'] ?? 3);
const changes = Number(process.env['POISONED_CHANGES'] ?? 20);
/** One line of JSON for each round, for the benchmark. */
const results = process.env['POISONED_RESULTS'];

describe('a store that somebody changed at random', () => {
  it.each(Array.from({ length: rounds }, (_, at) => at + 1))(
    'heals, or says which file is damaged: round %i',
    { timeout: 600_000 },
    async (seed) => {
      const round = await poisonedRound(await forkPublished(), { seed, changes });
      if (results !== undefined) await appendFile(results, `${JSON.stringify({ seed, ...round })}\n`);
      expect(round.problems, round.done.join('\n')).toEqual([]);
    },
  );
});
