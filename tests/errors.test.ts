// Wrong input, as a user would give it: what, where and what to do; never a stack.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import type { Lock } from '../src/stages/resolve/lock.ts';
import { digestOf } from '../src/core/digest.ts';
import { runCli } from './support/cli.ts';
import { serve } from './support/http-server.ts';
import { smallWorkspace, temporaryFolder } from './support/workspace.ts';

const recipe = 'name: x\nnode: { releases: [24] }\nbases: { trixie: { debian: trixie } }\n';
const keep = (cell: string): boolean => /^24\..*-trixie/.test(cell);

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

describe.each<[string, string[], Record<string, string>, number, RegExp]>([
  ['an unknown command', ['biuld'], {}, 2, /no command "biuld"\nhint: did you mean build\?/],
  ['a misspelt flag', ['run', '--recipee', 'x'], {}, 2, /Unknown option '--recipee'.*\nhint: did you mean --recipe\?/],
  ['no recipe', ['plan'], {}, 2, /there is no recipe .*\nhint: write one with `nodeworthy init`/],
  [
    'an unknown key',
    ['plan'],
    { 'nodeworthy.yaml': `${recipe}publsh: []\n` },
    2,
    /nodeworthy\.yaml:4:1: unknown key "publsh"\nhint: did you mean "publish"\?/,
  ],
  [
    'a suite that does not exist',
    ['plan'],
    { 'nodeworthy.yaml': recipe.replace('debian: trixie', 'debian: trixi') },
    2,
    /no supported Debian suite "trixi"\nhint: did you mean trixie\?/,
  ],
  [
    'a platform that does not exist',
    ['plan'],
    { 'nodeworthy.yaml': `${recipe}platforms: [linux/amd46]\n` },
    2,
    /nodeworthy\.yaml:4:13/,
  ],
  [
    'a version that does not exist',
    ['plan'],
    { 'nodeworthy.yaml': recipe.replace('[24]', '["24.99.0"]') },
    2,
    /"24\.99\.0" matches no release at the npm registry .*\nhint: the newest release of line 24/,
  ],
  [
    'a date that is none',
    ['plan', '--now', 'yesterday'],
    { 'nodeworthy.yaml': recipe },
    2,
    /--now "yesterday" is no date/,
  ],
  ['no lock', ['build'], { 'nodeworthy.yaml': recipe }, 3, /no lock file .*\nhint: make one with `nodeworthy lock`/],
  [
    'a lock that is none',
    ['build'],
    { 'nodeworthy.yaml': recipe, 'nodeworthy.lock.json': '{' },
    3,
    /not a lock file of this version/,
  ],
  ['a recipe that is there already', ['init'], { 'nodeworthy.yaml': recipe }, 2, /exists already/],
])('%s', (_, args, files, exitCode, message) => {
  it('is told in a sentence with a hint', async () => {
    const result = await runCli([...args], { cwd: await folderWith(files) });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result.exitCode).toBe(exitCode);
  });
});

it('init writes a recipe that plan understands', async () => {
  const cwd = await temporaryFolder();
  expect((await runCli(['init'], { cwd })).exitCode).toBe(0);
  const plan = await runCli(['plan', '--json', '--quiet'], { cwd });
  expect(plan.exitCode, plan.stderr).toBe(0);
  expect(JSON.parse(plan.stdout)).toMatchObject({
    source: 'catalog',
    cells: [{ base: 'trixie', variant: 'runtime' }, {}, {}],
  });
});

it('plan names the platforms that a release is not there for', async () => {
  const cwd = await folderWith({
    'nodeworthy.yaml': `name: acme
node: { releases: ["0.10"], endOfLife: { reason: old lines are tried } }
bases: { trixie: { debian: trixie } }
platforms: [linux/amd64, linux/arm64]
`,
  });
  const [json, table] = [await runCli(['plan', '--json'], { cwd }), await runCli(['plan'], { cwd })];
  expect(JSON.parse(json.stdout)).toMatchObject({
    cells: [{ platforms: ['linux/amd64'], missingPlatforms: ['linux/arm64'] }],
  });
  expect(table.stdout).toContain('linux/amd64 (no linux/arm64)');
});

describe('run', () => {
  it('says that the lock is of another recipe', async () => {
    const cwd = await smallWorkspace(keep, (text) => text.replace('[lts, current]', '[24]'));
    const result = await runCli(['run', '--quiet'], { cwd });
    expect(result).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/was made from another recipe.*\nhint: run `nodeworthy lock`/),
    });
  });

  it('says what to install when no runtime is there', async () => {
    const cwd = await smallWorkspace(keep, undefined, 'layers');
    const tools = await temporaryFolder();
    for (const name of ['sh', 'env']) await exec('ln', ['-s', `/usr/bin/${name}`, join(tools, name)]);
    const result = await runCli(['run', '--quiet'], {
      cwd,
      env: { PATH: tools, DOCKER_HOST: 'unix:///nonexistent.sock' },
    });
    expect(result).toMatchObject({
      exitCode: 8,
      stderr: expect.stringMatching(/no container runtime can be used here.*\nhint: .*apt-get install runc/),
    });
  });

  it('says that the disk is full, and goes on when there is space', async () => {
    const cwd = await smallWorkspace(keep, undefined, 'inputs');
    const state = join(cwd, '.nodeworthy/store/.nodeworthy/expanded');
    await mkdir(state, { recursive: true });
    await exec('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', state]);
    try {
      const full = await runCli(['build', '--quiet'], { cwd });
      expect(full).toMatchObject({
        exitCode: 12,
        stderr: expect.stringMatching(/no space left.*\nhint: free some space/),
      });
    } finally {
      await exec('umount', [state]);
    }
    expect((await runCli(['build', '--quiet'], { cwd })).exitCode).toBe(0);
  });

  it('says that an input of the lock was replaced', async () => {
    const cwd = await smallWorkspace(keep, undefined, 'inputs');
    const path = join(cwd, 'nodeworthy.lock.json');
    const lock = JSON.parse(await readFile(path, 'utf8')) as {
      inputs: { name: string; digest: string; kind: string; origin: { suite?: string } }[];
    };
    const tini = lock.inputs.find((input) => input.name === 'tini' && input.origin.suite === 'trixie')?.digest ?? '';
    const wrong = `sha256:${'0'.repeat(64)}`;
    await writeFile(path, JSON.stringify(lock).replaceAll(tini, wrong));
    await rm(join(cwd, '.nodeworthy/store/blobs/sha256', tini.slice(7)));
    const result = await runCli(['build', '--quiet'], { cwd });
    expect(result).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/tini .*was promised/) });
  });

  it('keeps what a lock pins where nothing but the lock is left, as in a fresh clone', async () => {
    const cwd = await smallWorkspace(keep);
    const path = join(cwd, 'nodeworthy.lock.json');
    const before = JSON.parse(await readFile(path, 'utf8')) as Lock;
    const recipePath = join(cwd, 'nodeworthy.yaml');
    await writeFile(recipePath, (await readFile(recipePath, 'utf8')).replace('[lts, current]', '[24]'));
    await rm(join(cwd, '.nodeworthy/store'), { recursive: true });
    const unreachable = { env: { https_proxy: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9', no_proxy: '' } };
    expect((await runCli(['lock', '--quiet'], { cwd, ...unreachable })).exitCode).not.toBe(0);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(before);
    expect(await runCli(['lock', '--quiet'], { cwd })).toMatchObject({ exitCode: 0 });
    const after = JSON.parse(await readFile(path, 'utf8')) as Lock;
    expect(after.unresolved).toEqual([]);
    expect(after.systems).toEqual(before.systems);
    expect(before.inputs).toEqual(expect.arrayContaining(after.inputs));
  });

  it('leaves a lock that would only differ in its day as it is', async () => {
    const cwd = await smallWorkspace(() => true);
    const path = join(cwd, 'nodeworthy.lock.json');
    const before = await readFile(path, 'utf8');
    const result = await runCli(['lock', '--json', '--quiet', '--now', '2026-12-24'], { cwd });
    expect(JSON.parse(result.stdout)).toMatchObject({ state: 'unchanged' });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('raises an alarm when a source replaced an input under the same name and version', async () => {
    const cwd = await smallWorkspace(keep);
    const path = join(cwd, 'nodeworthy.lock.json');
    const lock = JSON.parse(await readFile(path, 'utf8')) as { inputs: { name: string; digest: string }[] };
    const netbase = lock.inputs.find((input) => input.name === 'netbase')?.digest ?? '';
    await writeFile(path, JSON.stringify(lock).replaceAll(netbase, `sha256:${'0'.repeat(64)}`));
    const result = await runCli(['lock', '--update', '--quiet'], { cwd });
    expect(result).toMatchObject({
      exitCode: 6,
      stderr: expect.stringMatching(/netbase .* was sha256:0+, and is now sha256:/),
    });
  });

  it('fetches an input of the store again that is damaged, and uses nothing of what was there', async () => {
    const cwd = await smallWorkspace(keep, undefined, 'inputs');
    const lock = JSON.parse(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')) as {
      inputs: { name: string; digest: string; size: number }[];
    };
    const damaged = lock.inputs.filter((candidate) => candidate.name === 'netbase');
    const pathOf = (digest: string): string => join(cwd, '.nodeworthy/store/blobs/sha256', digest.slice(7));
    for (const { digest, size } of damaged) {
      await rm(pathOf(digest));
      await writeFile(pathOf(digest), Buffer.alloc(size));
    }
    const result = await runCli(['build', '--json', '--quiet'], { cwd });
    expect(result.exitCode, result.stdout).toBe(0);
    expect(damaged.length).toBeGreaterThan(0);
    // Those of other cells are not looked at.
    const mended = await Promise.all(
      damaged.map(async ({ digest }) => digestOf(await readFile(pathOf(digest))) === digest),
    );
    expect(mended).toContain(true);
  });

  it.each([
    [401, /refused access/],
    [403, /403/],
    [500, /500/],
  ])('keeps a tested cell unpublished when the registry says %i, with the reason', async (status, reason) => {
    const server = await serve((_, response) => response.writeHead(status).end());
    const cwd = await smallWorkspace(keep, (text) =>
      text.replace('publish: []', `publish: [{ repository: ${server.host}/x }]`),
    );
    const result = await runCli(['run', '--json', '--quiet'], { cwd, env: { HOME: cwd } });
    expect(result.exitCode, result.stderr).toBe(4);
    expect(JSON.parse(result.stdout)).toMatchObject({
      cells: [{ outcome: 'error', tags: [], reason: expect.stringMatching(reason) }],
    });
  });
});
