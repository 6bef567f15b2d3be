// What people who write tests do with `nodeworthy test`, `shell` and `clean`, on an image of somebody else.
import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import { entry, runCli } from './support/cli.ts';
import { startDocker, startRegistry } from './support/daemons.ts';
import { run } from './support/matrix.ts';
import { makeShellImage } from './support/shell-image.ts';
import { temporaryFolder } from './support/workspace.ts';

let image: string;
let cwd: string;
beforeAll(async () => {
  image = await makeShellImage();
  cwd = await temporaryFolder();
  await write('pass.sh', '#!/bin/sh\necho fine\n');
  await write('fail.sh', '#!/bin/sh\necho broken >&2; echo left > /tmp/left; exit 3\n');
  await mkdir(join(cwd, 'layers'));
  await write(
    'layers/Dockerfile',
    'RUN echo one > /tmp/one\nRUN echo two > /tmp/two\nRUN test -e /tmp/three\nRUN true\n',
  );
}, 120_000);

async function write(name: string, text: string): Promise<void> {
  await writeFile(join(cwd, name), text);
  if (name.endsWith('.sh')) await chmod(join(cwd, name), 0o755);
}

interface Tested {
  readonly passed: number;
  readonly failed: number;
  readonly flaky: number;
  readonly notRun: number;
  readonly digest: string;
  readonly cases: readonly { name: string; suite: string; result: string; attempts: number; problems: string[] }[];
}

async function test(args: readonly string[], exitCode: number, reference = image): Promise<Tested> {
  const tested = await runCli(['test', reference, ...args, '--json', '--quiet'], { cwd });
  expect(tested.exitCode, tested.stderr + tested.stdout).toBe(exitCode);
  return JSON.parse(tested.stdout) as Tested;
}

const refused = async (args: readonly string[], exitCode: number, message: RegExp): Promise<void> => {
  const tested = await runCli([...args, '--quiet'], { cwd });
  expect(tested.stderr).toMatch(message);
  expect(tested.stderr).not.toMatch(/^\s+at /m);
  expect(tested.exitCode).toBe(exitCode);
};

describe('nodeworthy test REF', () => {
  it('prints what other programs rely on, and exits non-zero when a case failed', async () => {
    expect(await test(['--with', 'pass.sh'], 0)).toMatchObject({
      passed: 1,
      failed: 0,
      flaky: 0,
      cases: [{ name: 'pass', suite: 'pass', result: 'passed', attempts: 1 }],
    });
    expect(await test(['--with', 'pass.sh', 'fail.sh'], 4)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('filters, runs again what failed, and stops after the first failure', async () => {
    const both = ['--with', 'pass.sh', '--with', 'fail.sh'];
    expect((await test([...both, '--filter', 'pa*'], 0)).cases).toHaveLength(1);
    expect((await test(both, 4)).cases).toHaveLength(2);
    expect((await test([...both, '--rerun-failed'], 4)).cases.map(({ name }) => name)).toEqual(['fail']);
    const fast = await test(['--with', 'fail.sh', '--with', 'pass.sh', '--fail-fast', '--concurrency', '1'], 4);
    expect(fast).toMatchObject({ failed: 1, notRun: 1 });
    await refused(['test', image, '--with', 'pass.sh', '--filter', 'none'], 2, /matches no case/);
    await test(['--with', 'pass.sh'], 0);
    await refused(['test', image, '--with', 'pass.sh', '--rerun-failed'], 2, /nothing failed the last time/);
  });

  it('calls flaky what passes only when it is asked again, and does not let it pass', async () => {
    await mkdir(join(cwd, 'counted'), { recursive: true });
    const bind = `{ "schemaVersion": "2.0.0", "containerRunOptions": { "user": "0", "bindMounts": ["${cwd}/counted:/counted"] }, "commandTests": [{ "name": "second time", "command": "sh", "args": ["-c", "test -e /counted/yes || { touch /counted/yes; exit 1; }"] }] }`;
    await write('flaky.json', bind);
    const flaky = await test(['--with', 'flaky.json', '--retries', '2'], 4);
    expect(flaky).toMatchObject({ passed: 0, failed: 0, flaky: 1, cases: [{ result: 'flaky', attempts: 2 }] });
    // What it wrote is gone with the run: nothing of it is on this machine.
    expect(await readdir(join(cwd, 'counted'))).toEqual([]);
    expect(await test(['--with', 'fail.sh', '--retries', '2'], 4)).toMatchObject({
      failed: 1,
      cases: [{ attempts: 3 }],
    });
  });

  it('has setup layers from before, by what they are, and makes them anew when asked', async () => {
    const setup = 'RUN echo $(cat /proc/sys/kernel/random/uuid) > /tmp/id\nCOPY pass.sh /x\nRUN cat /tmp/id\n';
    await mkdir(join(cwd, 'cached'), { recursive: true });
    await write('cached/Dockerfile', setup);
    await write('cached/pass.sh', '#!/bin/sh\n');
    const idOf = async (...more: string[]): Promise<string> => {
      await test(['--with', 'cached', '--report', 'cached.json.json', ...more], 0);
      const [{ cases }] = (
        JSON.parse(await readFile(join(cwd, 'cached.json.json'), 'utf8')) as {
          images: [{ cases: [{ output: string; cachedSteps?: number }] }];
        }
      ).images;
      return `${cases[0].cachedSteps ?? 0} ${/^[0-9a-f-]{36}$/m.exec(cases[0].output)?.[0]}`;
    };
    const first = await idOf();
    expect(first).toMatch(/^0 /);
    const second = await idOf();
    expect(second).toBe(first.replace('0', '2'));
    expect((await idOf('--no-cache')).split(' ')[1]).not.toBe(first.split(' ')[1]);
    await write('cached/pass.sh', '#!/bin/sh\necho changed\n');
    expect(await idOf()).toBe(first.replace('0', '1'));
  });

  it('writes reports for people and for build servers', async () => {
    const reports = ['r.html', 'r.xml', 'r.md', 'r.tap', 'r.json'];
    await test(['--with', 'pass.sh', '--with', 'fail.sh', ...reports.flatMap((file) => ['--report', file])], 4);
    const texts = Object.fromEntries(
      await Promise.all(reports.map(async (file) => [file, await readFile(join(cwd, file), 'utf8')] as const)),
    );
    expect(texts['r.html']).toMatch(/<h1>Test report<\/h1>[\s\S]*broken/);
    expect(texts['r.xml']).toMatch(
      /<testsuite name="[^"]*fail" tests="1" failures="1"[\s\S]*<failure type="failed" message="exit code 3: broken"\/>/,
    );
    expect(texts['r.md']).toMatch(/\| failed \| 1 \| 1 \| 0 \| 0 \|[\s\S]*### failed: fail/);
    expect(texts['r.tap']).toMatch(/^TAP version 14\n1\.\.2\n/);
    expect(texts['r.tap']).toMatch(/^not ok \d - .* fail fail$/m);
    const { images } = JSON.parse(texts['r.json'] ?? '') as {
      images: [{ cases: { id: string; layers: { diffId: string; paths: string[] }[] }[] }];
    };
    const failed = images[0].cases.find(({ id }) => id === 'fail');
    expect(failed?.layers).toMatchObject([
      { diffId: expect.stringMatching(/^sha256:/) as string, paths: ['C /tmp', 'A /tmp/left'] },
    ]);
    await refused(['test', image, '--with', 'pass.sh', '--report', 'r.pdf'], 2, /\.pdf is no format/);
  });

  it('runs again when a test changes, until it is stopped', { timeout: 60_000 }, async () => {
    await write('watched.sh', '#!/bin/sh\nexit 1\n');
    const child = spawn(process.execPath, [entry, 'test', image, '--with', 'watched.sh', '--watch'], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const seen = async (text: RegExp): Promise<void> => {
      for (let at = 0; at < 300 && !text.test(output); at++) await new Promise((resolve) => setTimeout(resolve, 100));
      expect(output).toMatch(text);
    };
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await seen(/0 passed, 1 failed[\s\S]*watching/);
    await write('watched.sh', '#!/bin/sh\nexit 0\n');
    await seen(/1 passed, 0 failed/);
    child.kill('SIGINT');
    await new Promise((resolve) => child.on('close', resolve));
  });

  it(
    'takes an image from a registry, an archive, an engine and the store, each with the same results',
    { timeout: 120_000 },
    async () => {
      const registry = await startRegistry();
      const docker = await startDocker();
      const dockerEnv = { DOCKER_HOST: docker.address, PATH: `/usr/bin:${process.env['PATH']}` };
      try {
        const layout = image.replace(/^oci:/, 'oci:');
        const reference = `${registry.address}/team/app:1`;
        await run('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', layout, `docker://${reference}`]);
        await run('skopeo', ['copy', '--quiet', layout, `docker-archive:${cwd}/docker.tar:localhost/app:1`]);
        await run('skopeo', ['copy', '--quiet', layout, `oci-archive:${cwd}/oci.tar:app`]);
        await run('docker', ['load', '--quiet', '--input', join(cwd, 'docker.tar')], dockerEnv);
        for (const place of [reference, 'docker.tar', 'oci-archive:oci.tar'])
          expect(await test(['--with', 'pass.sh'], 0, place), place).toMatchObject({ passed: 1 });
        const engine = await runCli(['test', 'docker:localhost/app:1', '--with', 'pass.sh', '--json', '--quiet'], {
          cwd,
          env: dockerEnv,
        });
        expect(JSON.parse(engine.stdout)).toMatchObject({ passed: 1 });
        expect(
          (
            await test(
              ['--with', 'pass.sh'],
              0,
              `${reference.replace(/:1$/, '')}@${(await test(['--with', 'pass.sh'], 0, reference)).digest}`,
            )
          ).passed,
        ).toBe(1);
        await refused(['test', `${registry.address}/team/none:1`, '--with', 'pass.sh'], 9, /has no image 1/);
      } finally {
        await registry.stop();
        await docker.stop();
      }
    },
  );

  it('says what is wrong with its words', async () => {
    await refused(['test', '--with', 'pass.sh'], 2, /--with needs an image/);
    await refused(['test', image], 2, /name the tests/);
    await refused(['test', image, '--with', 'none'], 2, /there is nothing at none/);
    await refused(['test', image, '--with', 'canary:expres'], 2, /did you mean canary:express\?/);
    await refused(['test', 'oci:/none', '--with', 'pass.sh'], 9, /\/none is no image layout/);
    await refused(['test', `${image}2`, '--with', 'pass.sh'], 9, /has no tag app2[\s\S]*:app/);
    await refused(['test', 'nothing', '--with', 'pass.sh'], 9, /there is no image "nothing"/);
    await refused(
      ['test', image, '--with', 'pass.sh', '--platform', 'linux/s390x'],
      9,
      /is an image for linux\/amd64, not for linux\/s390x/,
    );
    await refused(['test', image, '--with', 'pass.sh', '--runtime', 'lxc'], 2, /there is no runtime "lxc"/);
    await refused(['test', image, '--with', 'pass.sh', '--retries', 'x'], 2, /no whole number/);
    await refused(['shell', image, '--after', 'pass'], 9, /no layers of a test "pass" are kept/);
  });
});

describe('what a failed test left', () => {
  const shell = (args: readonly string[], command: readonly string[]) =>
    exec(process.execPath, [entry, 'shell', image, ...args, '--quiet', '--', ...command], { cwd, timeoutMs: 60_000 });

  it('can be looked at, layer by layer', async () => {
    await test(['--with', 'layers', '--with', 'fail.sh'], 4);
    expect((await shell(['--after', 'fail'], ['cat', '/tmp/left'])).stdout).toBe('left\n\n');
    const list = 'ls /tmp; exit 7';
    expect(await shell(['--after', 'layers'], ['sh', '-c', list])).toMatchObject({
      exitCode: 7,
      stdout: 'one\ntwo\n\n',
    });
    expect((await shell(['--after', 'layers', '--layer', '1'], ['sh', '-c', list])).stdout).toBe('one\n\n');
    expect((await shell([], ['sh', '-c', list])).stdout).toBe('\n');
    await refused(['shell', image, '--after', 'layers', '--layer', '9'], 2, /no number from 0 to 3[\s\S]*RUN echo one/);
  });

  it('goes with `clean`, what --keep saved only with --all', async () => {
    const state = join(cwd, '.nodeworthy/store/.nodeworthy/guests');
    const layers = async (): Promise<number> => {
      let count = 0;
      for (const guest of await readdir(state).catch(() => []))
        count += (await readdir(join(state, guest, '.nodeworthy/test-layers')).catch(() => [])).filter(
          (name) => !name.endsWith('.json'),
        ).length;
      return count;
    };
    await test(['--with', 'layers'], 4);
    expect(await layers()).toBeGreaterThan(0);
    await runCli(['clean'], { cwd });
    expect(await layers()).toBe(0);
    await test(['--with', 'pass.sh', '--keep'], 0);
    await runCli(['clean'], { cwd });
    expect((await shell(['--after', 'pass'], ['id', '-u'])).stdout).toBe('500\n\n');
    const listed = await runCli(['shell', image, '--list'], { cwd });
    expect(listed.stderr).toMatch(/pass: 1 layers/);
    await runCli(['clean', '--all'], { cwd });
    expect(await layers()).toBe(0);
    await refused(['shell', image, '--after', 'pass'], 9, /no layers of a test/);
  });
});
