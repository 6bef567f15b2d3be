// A test that somebody wrote who is after a file of the machine: it is never read, never changed and never mounted.
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/errors.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { loadTests } from '../../src/stages/test/kinds/load-tests.ts';
import { runSuites } from '../../src/stages/test/run-suites.ts';
import { openRunc, openTarget, type BuiltImage } from '../support/battery-target.ts';
import { openLayoutStore } from '../../src/store/layout/layout-store.ts';
import { hostileFolders } from '../support/hostile-folders.ts';
import { makeShellImage } from '../support/shell-image.ts';
import { temporaryFolder } from '../support/workspace.ts';

const secret = 'canary-7c1f2e';
const entry = { retries: 0, hosts: [], arguments: {} };

let runtime: Runtime;
let image: Pick<BuiltImage, 'store' | 'manifest'>;
let top: string;
let canary: string;
let shadow: string;
/** A setting of the kernel that is no container's. */
let swappiness: string;

beforeAll(async () => {
  runtime = await openRunc();
  const reference = await makeShellImage();
  const store = await openLayoutStore(reference.split(':')[1] ?? '');
  const tag = await store.resolveTag('app');
  image = { store, manifest: tag?.digest ?? expect.fail('no image') };
  top = await temporaryFolder();
  await mkdir(join(top, 'outside'));
  canary = join(top, 'outside/canary');
  await writeFile(canary, secret, { mode: 0o666 });
  shadow = await readFile('/etc/shadow', 'utf8');
  swappiness = await readFile('/proc/sys/vm/swappiness', 'utf8');
}, 300_000);
afterAll(async () => await runtime.close());

/** @returns everything that whoever runs the test, or reads its report, is told */
async function tryFolder(folder: string): Promise<string> {
  try {
    const suites = await loadTests([{ ...entry, path: folder, timeoutSeconds: 60, stepTimeoutSeconds: 20 }], {
      root: top,
      env: process.env,
    });
    const target = await openTarget(runtime, image);
    const cases = await runSuites(
      target,
      suites.map(({ suite }) => suite),
      { parallel: 1, failFast: false, retries: 0 },
    );
    return cases.map(({ problems, output }) => [...problems, output].join('\n')).join('\n');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(['RECIPE_INVALID', 'USAGE']).toContain(error.code);
    return `${error.message}\n${error.hint ?? ''}`;
  }
}

async function expectUntouched(told: string, isOwn = false): Promise<void> {
  expect(await readFile(canary, 'utf8')).toBe(secret);
  if (!isOwn) expect(told).not.toContain(secret);
  const [line = ''] = shadow.split('\n');
  expect(told).not.toContain(line);
  expect(await readFile('/proc/mounts', 'utf8')).not.toContain(top);
  expect(await readFile('/proc/sys/vm/swappiness', 'utf8')).toBe(swappiness);
}

it('has at least a hundred of them', () => {
  expect(hostileFolders.length).toBeGreaterThanOrEqual(100);
});

it('control: what lies in the folder is read, copied, mounted and bound', { timeout: 120_000 }, async () => {
  const folder = join(top, 'folders/control');
  await mkdir(join(folder, 'data'), { recursive: true });
  await writeFile(join(folder, 'data/own'), 'of the test');
  await symlink('own', join(folder, 'data/link'));
  await writeFile(
    join(folder, 'Dockerfile'),
    'USER 0\nCOPY data /got\nRUN cat /got/link\nRUN --mount=type=bind,source=data,target=/seen,rw cat /seen/link && echo x > /seen/own\n',
  );
  expect((await tryFolder(folder)).match(/of the test/g)).toHaveLength(2);
  const bound = join(top, 'folders/control-bound');
  await mkdir(join(bound, 'data'), { recursive: true });
  await writeFile(join(bound, 'data/own'), 'of the test');
  await symlink('own', join(bound, 'data/link'));
  const command = { name: 'x', command: 'sh', args: ['-c', 'cat /bound/link; echo x > /bound/own'] };
  const containerRunOptions = { user: '0', bindMounts: [`${join(bound, 'data')}:/bound`] };
  const commandTests = [{ ...command, expectedOutput: ['none'] }];
  await writeFile(join(bound, 'x.json'), JSON.stringify({ schemaVersion: '2.0.0', containerRunOptions, commandTests }));
  expect(await tryFolder(bound)).toContain('of the test');
  expect(await readFile(join(bound, 'data/own'), 'utf8')).toBe('of the test');
  expect(await readFile(join(folder, 'data/own'), 'utf8')).toBe('of the test');
});

describe('never reach a file outside', () => {
  it.each(hostileFolders.map((hostile, at) => [hostile.name, hostile, at] as const))(
    '%s',
    { timeout: 120_000 },
    async (name, { fill }, at) => {
      const folder = join(top, 'folders', String(at));
      await mkdir(folder, { recursive: true });
      await fill(folder, canary);
      await expectUntouched(await tryFolder(folder), name.startsWith('a hard link'));
      await rm(folder, { recursive: true, force: true });
    },
  );
});

describe('are not led out by a folder that changes while it is read', () => {
  it.each([
    ['copied', 'COPY swap /got\nRUN cat /got/canary /got/* 2>/dev/null; true\n'],
    ['mounted', 'RUN --mount=type=bind,source=swap,target=/got,rw cat /got/canary; echo changed > /got/canary; true\n'],
  ])('and is %s', { timeout: 120_000 }, async (name, dockerfile) => {
    const folder = join(top, `folders/race-${name}`);
    await mkdir(join(folder, 'swap'), { recursive: true });
    await writeFile(join(folder, 'swap/canary'), 'inside');
    await writeFile(join(folder, 'Dockerfile'), dockerfile);
    await symlink(join(top, 'outside'), join(folder, 'trap'));
    const over = new AbortController();
    const swapping = (async () => {
      while (!over.signal.aborted) {
        await rename(join(folder, 'swap'), join(folder, 'kept'));
        await rename(join(folder, 'trap'), join(folder, 'swap'));
        await rename(join(folder, 'swap'), join(folder, 'trap'));
        await rename(join(folder, 'kept'), join(folder, 'swap'));
      }
    })();
    for (let round = 0; round < 10; round++) await expectUntouched(await tryFolder(folder));
    over.abort();
    await swapping;
  });
});
