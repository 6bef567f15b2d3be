// Testing images: Dockerfile tests against `docker build`, the battery alone, and two hundred tests over 24 cells.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../../src/core/exec.ts';
import { entry } from '../support/cli.ts';
import { startDocker } from '../support/daemons.ts';
import { bar, dockerRun, nodeworthy, printBars, requireAll, say, type Measured } from './measure.ts';

const rounds = 3;
const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-bench-tests-'));
const docker = await startDocker();
try {
  await main();
} finally {
  await docker.stop();
  await rm(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const cwd = await makeWorkspace('one', 'releases: [24]', '[runtime, slim]');
  await nodeworthy(cwd, ['lock']);
  await nodeworthy(cwd, ['run']);
  await writeDockerfileTests(cwd);
  await loadIntoDocker(cwd);

  const one: { ours: number; docker: number; buildKit: number }[] = [];
  const ten: { ours: number; docker: number; dockerTwo: number }[] = [];
  const tests = Array.from({ length: 10 }, (_, at) => `tests/t${at}`);
  for (let round = 0; round < rounds; round++) {
    const single = await nodeworthy(cwd, ['test', '24-slim', '--with', 'tests/t0', '--no-cache']);
    one.push({
      ours: single.seconds,
      docker: await dockerBuilds(cwd, ['t0'], 1),
      buildKit: await dockerBuilds(cwd, ['t0'], 1, { DOCKER_BUILDKIT: '1' }),
    });
    const all = await nodeworthy(cwd, ['test', '24-slim', ...tests.flatMap((path) => ['--with', path]), '--no-cache']);
    const names = tests.map((path) => path.slice('tests/'.length));
    ten.push({
      ours: all.seconds,
      docker: await dockerBuilds(cwd, names, 1),
      dockerTwo: await dockerBuilds(cwd, names, 2),
    });
    say(`round ${round + 1}: ${JSON.stringify({ one: one.at(-1), ten: ten.at(-1) })}`);
  }

  const battery: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    battery.push(await batteryOnce(cwd));
    say(`battery: ${battery.at(-1)?.seconds.toFixed(2)} s, ${battery.at(-1)?.peakMb.toFixed(0)} MB`);
  }
  const { leaks, unchanged } = await twoHundredTests();

  const best = (values: readonly number[]): number => Math.min(...values);
  const bars = [
    bar(
      'one Dockerfile test against docker build --no-cache, best of each',
      best(one.map(({ ours }) => ours)) / best(one.map((item) => item.docker)),
      1 / 3,
      '',
    ),
    bar(
      'the same against BuildKit',
      best(one.map(({ ours }) => ours)) / best(one.map(({ buildKit }) => buildKit)),
      1 / 3,
      '',
    ),
    bar(
      'ten Dockerfile tests against ten such builds, best of each',
      best(ten.map(({ ours }) => ours)) / best(ten.map((item) => item.docker)),
      1 / 5,
      '',
    ),
    bar(
      'the same against two builds at a time',
      best(ten.map(({ ours }) => ours)) / best(ten.map((item) => item.dockerTwo)),
      1 / 5,
      '',
    ),
    bar('battery of one runtime cell', best(battery.map(({ seconds }) => seconds)), 6, ' s'),
    bar('memory of that', Math.max(...battery.map(({ peakMb }) => peakMb)), 250, ' MB'),
    bar('unchanged run of 24 cells in the embedded store, best', best(unchanged), 1, ' s'),
    ...Object.entries(leaks).map(([what, count]) => bar(`left by 200 tests over 24 cells ${what}`, count, 0, '')),
  ];
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  await mkdir('bench-results', { recursive: true });
  await writeFile(
    'bench-results/tests.json',
    `${JSON.stringify({ machine, one, ten, unchanged, battery: battery.map(({ seconds, peakMb }) => ({ seconds, peakMb })), bars }, null, 2)}\n`,
  );
  printBars(bars, 'bench-results/tests.json');
}

async function makeWorkspace(name: string, node: string, variants: string, more = ''): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const bases = 'bases: { trixie: { debian: trixie }, bookworm: { debian: bookworm } }';
  await writeFile(
    join(path, 'nodeworthy.yaml'),
    `name: bench\nnode: { ${node} }\n${name === 'one' ? 'bases: { trixie: { debian: trixie } }' : bases}\nvariants: ${variants}\n${more}`,
  );
  return path;
}

/** Ten instructions, as a team's smoke test has them: files, settings, users and six programs. */
async function writeDockerfileTests(cwd: string): Promise<void> {
  for (let at = 0; at < 10; at++) {
    const test = join(cwd, 'tests', `t${at}`);
    await mkdir(join(test, 'files'), { recursive: true });
    await writeFile(join(test, 'files/app.js'), `require('assert').equal(process.argv[2], '${at}');\n`);
    const lines = [
      'ENV STAGE=test',
      'WORKDIR /work',
      'COPY files/ ./',
      'USER root',
      `RUN mkdir -p /data && echo ${at} > /data/n`,
      'RUN chown -R node:node /work /data',
      'RUN test "$STAGE" = test && test -d /data',
      'RUN ls -ld /work | grep -q node',
      'RUN node --version',
      'RUN node app.js $(cat /data/n)',
    ];
    await writeFile(join(test, 'Dockerfile'), `${lines.join('\n')}\n`);
  }
}

async function loadIntoDocker(cwd: string): Promise<void> {
  const archive = join(folder, 'slim.tar');
  const copied = await exec('skopeo', [
    'copy',
    '--quiet',
    `oci:${cwd}/.nodeworthy/store:24-slim`,
    `docker-archive:${archive}:localhost/slim:24`,
  ]);
  if (copied.exitCode !== 0) throw new Error(copied.stderr);
  await dockerRun(docker, ['load', '--quiet', '--input', archive]);
}

/** `docker build --no-cache` of the same instructions with FROM in front, so many at a time. */
async function dockerBuilds(
  cwd: string,
  names: readonly string[],
  atOnce: number,
  env: Record<string, string> = {},
): Promise<number> {
  for (const name of names) {
    const context = join(folder, 'contexts', name);
    await cp(join(cwd, 'tests', name), context, { recursive: true });
    const text = await readFile(join(cwd, 'tests', name, 'Dockerfile'), 'utf8');
    await writeFile(join(context, 'Dockerfile'), `FROM localhost/slim:24\n${text}`);
  }
  const started = performance.now();
  const waiting = [...names];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
        await dockerRun(
          docker,
          ['build', '--quiet', '--no-cache', '--network', 'none', join(folder, 'contexts', name)],
          env,
        );
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  await dockerRun(docker, ['image', 'prune', '--force']);
  return seconds;
}

/** The vendor's checks on a runtime image that is unpacked already; nothing of an earlier report is used. */
async function batteryOnce(cwd: string): Promise<Measured> {
  return await nodeworthy(cwd, ['test', '--cells', '*-runtime', '--filter', '*']);
}

/** Mounts, control groups, namespaces and folders that belong to nobody who is alive. */
function countLeftovers(): number {
  const isDead = (pid: string | undefined): boolean => pid !== undefined && !readdirSync('/proc').includes(pid);
  const folders = readdirSync(tmpdir()).filter((name) => isDead(/^nodeworthy-runc-(\d+)-/.exec(name)?.[1]));
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes('nodeworthy-runc-'));
  const groups = readdirSync('/sys/fs/cgroup').flatMap((controller) => {
    try {
      return readdirSync(join('/sys/fs/cgroup', controller)).filter((name) =>
        isDead(/^nodeworthy-(\d+)$/.exec(name)?.[1]),
      );
    } catch {
      return [];
    }
  });
  const processes = readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        /runc.*nodeworthy-runc-/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '))
      );
    } catch {
      return false;
    }
  });
  return folders.length + mounts.length + groups.length + processes.length;
}

async function twoHundredTests(): Promise<{
  readonly leaks: Record<string, number>;
  readonly unchanged: readonly number[];
}> {
  const one = (at: number): string =>
    `  - { name: n${at}, setup: [[node, -e, "require('fs').writeFileSync('/tmp/x', '${at}')"]], command: node, args: [-p, "require('fs').readFileSync('/tmp/x', 'utf8')"], expectedOutput: ["^${at}\\\\n$"] }`;
  const tests = `tests: [{ path: many.yaml }]\n`;
  const cwd = await makeWorkspace('matrix', 'releases: [22, 24, 26, "~24.20.0"]', '[runtime, slim, build]', tests);
  await writeFile(
    join(cwd, 'many.yaml'),
    `schemaVersion: 2.0.0\ncommandTests:\n${Array.from({ length: 9 }, (_, at) => one(at)).join('\n')}\n`,
  );
  await nodeworthy(cwd, ['lock']);
  await nodeworthy(cwd, ['build']);
  const filter = ['test', '--filter', 'many/*'];
  const before = countLeftovers();
  await nodeworthy(cwd, filter);
  const counts: Record<string, number> = {
    'that ended': countLeftovers() - before,
    'in the store': await keptLayers(cwd),
  };
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const child = spawn(process.execPath, [entry, ...filter, '--quiet'], { cwd, stdio: 'ignore' });
    await sleep(6000);
    child.kill(signal);
    await new Promise((resolve) => child.on('close', resolve));
    await nodeworthy(cwd, ['test', '--cells', '24.2*-trixie-runtime', '--filter', 'many/*n0']);
    counts[`after ${signal} and another run`] = countLeftovers() - before + (await keptLayers(cwd));
  }
  requireAll((await nodeworthy(cwd, ['run'])).json, 'published');
  const unchanged: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { seconds, json } = await nodeworthy(cwd, ['run']);
    requireAll(json, 'unchanged');
    unchanged.push(seconds);
  }
  say(`24 cells unchanged: ${unchanged.map((seconds) => seconds.toFixed(2)).join(', ')} s`);
  return { leaks: counts, unchanged };
}

async function keptLayers(cwd: string): Promise<number> {
  const state = join(cwd, '.nodeworthy/store/.nodeworthy');
  const inside = await Promise.all(
    ['test-layers', 'test-steps'].map((name) => readdir(join(state, name)).catch(() => [])),
  );
  return inside.flat().length;
}
