// Keys that others could use, and a key that somebody has to let go.
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exec } from '../../src/core/exec.ts';
import { attacks, forkWorld, once, runWorld, type World } from '../support/attack-world.ts';
import { ask, keyEnvironment, passphrase, type Cells } from '../support/certified.ts';
import { entry } from '../support/cli.ts';

const environments = '  production:\n    gates: {}';
const published = once(async () => await runWorld({ environments }, 'published'));
const holds = async (): Promise<void> => {};
const edit = async (world: World, from: string | RegExp, to: string): Promise<void> => {
  const recipe = join(world.cwd, 'nodeworthy.yaml');
  await writeFile(recipe, (await readFile(recipe, 'utf8')).replace(from, to));
};

describe('before a run, the private key', () => {
  attacks({ prepared: published, victim: async (world) => await world.run(['run', '--quiet']), holds }, [
    ...(['604', '640', '666', '660'] as const).map((mode) => ({
      name: `has the mode ${mode}`,
      change: async (world: World) => await chmod(join(world.cwd, 'keys/release.key'), Number.parseInt(mode, 8)),
      answer: { exitCode: 13, says: new RegExp(`others can read or change .*release\\.key: its mode is ${mode}`) },
    })),
    {
      name: 'is a pipe that nobody writes to',
      async change(world) {
        await rm(join(world.cwd, 'keys/release.key'));
        execFileSync('mkfifo', [join(world.cwd, 'keys/release.key')]);
      },
      answer: { exitCode: 13, says: /release\.key is no file with a key/ },
    },
    {
      name: 'has no end',
      async change(world) {
        await rm(join(world.cwd, 'keys/release.key'));
        execFileSync('ln', ['-s', '/dev/zero', join(world.cwd, 'keys/release.key')]);
      },
      answer: { exitCode: 13, says: /release\.key is no file with a key/ },
    },
    {
      name: 'is the same for failures',
      change: async (world) =>
        await edit(world, 'failures: { key: keys/failures.key }', 'failures: { key: keys/release.key }'),
      answer: { exitCode: 13, says: /are the same key/ },
    },
  ]);
});

describe('a passphrase', () => {
  async function runWith(world: World, words: string): Promise<{ exitCode: number | null; text: string }> {
    const env = { ...process.env, CI: 'true', NODEWORTHY_PASSPHRASE: undefined };
    const ran = await exec('sh', ['-c', words, process.execPath, entry], { cwd: world.cwd, env });
    return { exitCode: ran.exitCode, text: ran.stderr + ran.stdout };
  }

  it('comes over a descriptor, for as many keys as there are', async () => {
    const world = await forkWorld(await published());
    await writeFile(join(world.cwd, 'phrase'), `${passphrase}\n`);
    const ran = await runWith(world, 'NODEWORTHY_PASSPHRASE_FD=3 "$0" "$1" run --quiet 3< phrase');
    expect(ran.exitCode, ran.text).toBe(0);
  });

  it.each([
    [
      'a closed one',
      'NODEWORTHY_PASSPHRASE_FD=9 "$0" "$1" run --quiet',
      'the descriptor 9 of NODEWORTHY_PASSPHRASE_FD',
    ],
    ['standard input', 'echo x | NODEWORTHY_PASSPHRASE_FD=0 "$0" "$1" run --quiet', 'is "0", and no open descriptor'],
    ['something else', 'NODEWORTHY_PASSPHRASE_FD=key "$0" "$1" run --quiet', 'is "key", and no open descriptor'],
  ])('does not come over %s', async (_, words, message) => {
    const ran = await runWith(await forkWorld(await published()), words);
    expect(ran.exitCode).toBe(13);
    expect(ran.text).toContain(message);
  });
});

describe('what is signed', () => {
  const ask1 = (answer: string): string =>
    `#!${process.execPath}\nconst fs = require('fs');\nconst asked = fs.readFileSync(0, 'utf8');\nfs.appendFileSync('asked.jsonl', asked + '\\n');\nconst { predicateType } = JSON.parse(asked);\n${answer}\n`;

  async function withQuestion(answer: string): Promise<World> {
    const world = await forkWorld(await published());
    await writeFile(join(world.cwd, 'confirm.cjs'), ask1(answer), { mode: 0o755 });
    await edit(world, 'signing:\n', 'signing:\n  confirm: [./confirm.cjs]\n');
    // Another image of the cell, of which nothing is said yet.
    await edit(world, /$/, 'overlays: [{ name: labelled, labels: { team: acme } }]\n');
    expect((await world.run(['lock', '--quiet'])).exitCode).toBe(0);
    return world;
  }

  it('is confirmed statement by statement, with cell, subject and predicate', { timeout: 120_000 }, async () => {
    const world = await withQuestion('');
    const { json, stderr } = await ask<Cells>(world.cwd, ['run', '--cells', world.cell]);
    expect(json.cells[0]?.outcome, stderr).toBe('published');
    const asked = (await readFile(join(world.cwd, 'asked.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { cell: string; subject: { digest: { sha256: string } }[]; predicateType: string },
      );
    expect(asked.length).toBeGreaterThan(8);
    for (const item of asked) expect(item.cell).toBe(world.cell);
    expect(asked.map(({ subject }) => `sha256:${subject[0]?.digest.sha256}`)).toContain(json.cells[0]?.digest);
    expect(asked.at(-1)?.predicateType).toBe('https://slsa.dev/verification_summary/v1');
  });

  it('is nothing that somebody refuses, and then nothing is published', { timeout: 120_000 }, async () => {
    const world = await withQuestion(
      "if (predicateType.includes('verification_summary')) { console.error('not today'); process.exit(1); }",
    );
    const { exitCode, json } = await ask<Cells>(world.cwd, ['run', '--cells', world.cell]);
    expect(exitCode).toBe(4);
    expect(json.cells[0]).toMatchObject({
      outcome: 'error',
      tags: [],
      reason: expect.stringMatching(/confirm\.cjs did not confirm .*verification_summary.*: not today/) as string,
    });
    const verified = await world.run(['verify', '24', '--deep']);
    expect(verified.exitCode).toBe(0);
  });
});

describe('a key that is rotated', () => {
  it('is listed with its use, and signs anew while both are believed', { timeout: 120_000 }, async () => {
    const world = await forkWorld(await published());
    const listed = await world.run(['keys', 'list']);
    expect(listed.stdout).toMatch(/acme-release +\S{12} +evidence.* +yes +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d +\d+/);
    expect(listed.stdout).toMatch(/acme-failures .* yes +- +- +0/);
    const rotated = await world.run(['keys', 'rotate', 'release', '--overlap-days', '30']);
    expect(rotated.exitCode, rotated.stderr).toBe(0);
    expect(rotated.stdout).toContain('which trust calls acme-release-2');
    const { json, stderr } = await ask<Cells>(world.cwd, ['run']);
    expect(json.cells[0], stderr).toMatchObject({ outcome: 'unchanged', digest: world.index });
    expect((await world.run(['verify', '24', '--deep'])).exitCode).toBe(0);
    await writeFile(join(world.cwd, 'trust.yaml'), (await world.run(['policies'])).stdout);
    expect((await world.run(['verify', '24', '--trust', 'trust.yaml'])).exitCode).toBe(0);
    const after = await world.run(['keys', 'list', '--now', '2027-12-01']);
    expect(after.stdout).toMatch(/acme-release +\S{12} .* no /);
    expect(after.stdout).toMatch(/acme-release-2 +\S{12} .* yes /);
  });

  it.each([
    [['keys', 'rotate', 'alice'], {}, '"alice" is no key of the recipe', 2],
    [['keys', 'rotate', 'release', '--overlap-days', 'x'], {}, 'is no number of days', 2],
    [['keys', 'rotate', 'release'], { NODEWORTHY_PASSPHRASE: '' }, 'the passphrase is empty', 13],
    [['keys', 'forget', 'release'], {}, 'say what to do with which key', 2],
  ])('is asked for properly: %s', async (args, env, message, exitCode) => {
    const world = await forkWorld(await published());
    const ran = await exec(process.execPath, [entry, ...args], {
      cwd: world.cwd,
      env: { ...process.env, CI: 'true', ...keyEnvironment, ...env },
    });
    expect(ran.exitCode, ran.stderr).toBe(exitCode);
    expect(ran.stderr).toContain(message);
  });
});
