// Another user of the machine: files of others lie in no folder that he may enter, not even after a crash.
import { stat } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forkWorld, once, runWorld, type World } from '../support/attack-world.ts';
import { keyEnvironment } from '../support/certified.ts';
import { interruptCli } from '../support/cli.ts';

const environments = '  production:\n    gates: {}';
const published = once(async () => await runWorld({ environments }, 'published'));

/** What another user sees of a folder: every file that he could open. */
function seenByOthers(folder: string): string[] {
  const find = ['find', folder, '-mindepth', '1', '-readable', '-print'];
  try {
    return execFileSync('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', ...find], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\n')
      .filter(Boolean);
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? '')
      .split('\n')
      .filter(Boolean);
  }
}

/** Folders with files of images and inputs. */
const foreign = ['unpacked', 'test-layers', 'expanded', 'systems', 'layer-trees', 'tmp', 'test-dependencies'];

async function expectClosed(world: World): Promise<void> {
  let found = 0;
  for (const name of foreign) {
    const mode = await stat(world.path('.nodeworthy', name)).then(
      (stats) => stats.mode & 0o777,
      () => undefined,
    );
    if (mode === undefined) continue;
    found++;
    expect(`${name} ${mode.toString(8)}`).toBe(`${name} 700`);
    expect(seenByOthers(world.path('.nodeworthy', name))).toEqual([]);
  }
  expect(found).toBeGreaterThan(0);
}

describe('another user of the machine', () => {
  it('control: he sees what is for everybody', async () => {
    const world = await forkWorld(await published());
    execFileSync('chmod', ['755', world.cwd]);
    expect(seenByOthers(world.cwd)).toContain(join(world.cwd, 'nodeworthy.yaml'));
  });

  it('sees no files of images after a run', { timeout: 120_000 }, async () => {
    const world = await forkWorld(await published());
    execFileSync('chmod', ['755', world.cwd]);
    expect((await world.run(['test', '--quiet'])).exitCode).toBe(0);
    execFileSync('rm', ['-rf', world.path('.nodeworthy/unpacked')]);
    await world.run(['clean', '--all']);
    expect((await world.run(['test', '24', '--with', 'nodeworthy.yaml'])).exitCode).not.toBe(0);
    const again = await forkWorld(world);
    execFileSync('chmod', ['755', again.cwd]);
    execFileSync('sh', ['-c', 'printf "#!/usr/local/bin/node\\n" > x.mjs'], { cwd: again.cwd });
    expect((await again.run(['test', '24', '--with', 'x.mjs', '--keep'])).exitCode).toBe(0);
    await expectClosed(again);
  });

  it('sees none after a run that was killed', { timeout: 120_000 }, async () => {
    const world = await forkWorld(await published());
    execFileSync('chmod', ['755', world.cwd]);
    execFileSync('sh', ['-c', 'printf "setTimeout(() => {}, 20000)\\n" > x.mjs'], { cwd: world.cwd });
    const killed = await interruptCli(['test', '24', '--with', 'x.mjs'], {
      cwd: world.cwd,
      env: keyEnvironment,
      signal: 'SIGKILL',
      when: (stderr) => stderr.includes('still working'),
    });
    expect(killed.interrupted).toBe(true);
    await expectClosed(world);
  });
});
