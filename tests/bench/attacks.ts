// Five hundred changes at random of what lies under a store, between two runs each; and hostile folders of tests.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { readTextIfExists } from '../../src/core/files.ts';
import { bar, printBars, say } from './measure.ts';

const rounds = 50;
const changes = 10;

interface Round {
  readonly seed: number;
  readonly done: readonly string[];
  readonly problems: readonly string[];
  readonly healed: boolean;
}

const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-bench-attacks-'));
try {
  const results = join(folder, 'rounds.jsonl');
  await vitest('tests/attacks/poisoning.test.ts', {
    POISONED_ROUNDS: String(rounds),
    POISONED_CHANGES: String(changes),
    POISONED_RESULTS: results,
  });
  const done = ((await readTextIfExists(results)) ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Round);
  for (const { seed, problems, done: what } of done)
    for (const problem of problems) say(`round ${seed}: ${problem}\n  ${what.join('\n  ')}`);
  const count = done.reduce((sum, round) => sum + round.done.length, 0);
  say(
    `${count} changes in ${done.length} rounds: ${done.filter(({ healed }) => healed).length} healed, the others named what is damaged`,
  );
  const hostile = await vitest('tests/attacks/hostile-tests.test.ts', {});
  say(`${hostile.passed} hostile folders and races held off, ${hostile.failed} not`);
  const bars = [
    bar('changes at random short of 500', Math.max(0, 500 - count), 0, ''),
    bar('tags or statements that were false afterwards', done.flatMap(({ problems }) => problems).length, 0, ''),
    bar('hostile folders short of 100', Math.max(0, 100 - hostile.passed), 0, ''),
    bar('hostile folders that reached something', hostile.failed, 0, ''),
  ];
  await mkdir('bench-results', { recursive: true });
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  await writeFile(
    'bench-results/attacks.json',
    `${JSON.stringify({ machine, rounds: done, hostile, bars }, null, 2)}\n`,
  );
  printBars(bars, 'bench-results/attacks.json');
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** How many tests of a file passed and failed; what failed is in the numbers. */
async function vitest(
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly passed: number; readonly failed: number }> {
  const report = join(folder, 'report.json');
  const args = ['run', file, '--reporter=json', `--outputFile=${report}`];
  await exec('vitest', args, { env: { ...process.env, ...env }, maxOutputBytes: 1 << 20 });
  const text = await readTextIfExists(report);
  if (text === undefined) throw new Error(`${file} did not run`);
  const { numPassedTests, numFailedTests } = JSON.parse(text) as { numPassedTests: number; numFailedTests: number };
  return { passed: numPassedTests, failed: numFailedTests };
}
