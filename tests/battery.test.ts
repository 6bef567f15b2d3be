// The battery must fail on an image that is broken on purpose, and runtimes must keep their promises.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import { openRuntime, runtimeMembers } from '../src/runtimes/open-runtime.ts';
import type { Environment, LayerFile, Runtime } from '../src/runtimes/runtime.ts';
import { resolveUser } from '../src/runtimes/resolve-user.ts';
import { batteryFor, batteryJobs, batteryLayer } from '../src/stages/test/battery/battery-suite.ts';
import { checkReasons, containerRuns, sharedChecks, type CheckedCell } from '../src/stages/test/battery/battery.ts';
import { isCompletePass, type TestReport } from '../src/stages/test/report.ts';
import { openLayoutStore } from '../src/store/layout/layout-store.ts';
import { readIndex } from '../src/store/manifest.ts';
import { runCli } from './support/cli.ts';
import { smallWorkspace } from './support/workspace.ts';

let runtime: Runtime;
let image: Environment;
const signal = new AbortController().signal;
const node = '/usr/local/bin/node';

beforeAll(async () => {
  const cwd = await smallWorkspace((cell) => /^24\..*-trixie/.test(cell));
  const built = await runCli(['build', '--json', '--quiet'], { cwd });
  const { cells } = JSON.parse(built.stdout) as { cells: { digest: string }[] };
  const store = await openLayoutStore(join(cwd, '.nodeworthy/store'));
  const index = await readIndex(store, String(cells[0]?.digest));
  runtime = await openRuntime('runc', process.env);
  image = await runtime.open(store, {
    manifest: index.manifests[0]?.digest ?? expect.fail('no platform'),
    platform: 'linux/amd64',
  });
});
afterAll(async () => await runtime.close());

const file = (path: string, text: string, more: Partial<LayerFile> = {}): LayerFile => ({
  path,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  bytes: Buffer.from(text),
  ...more,
});

const cell: CheckedCell = {
  release: '24.21.0',
  suite: 'trixie',
  variant: 'runtime',
  traits: [],
  hardening: [],
  user: '1000:1000',
  timeZone: 'UTC',
};
const battery = batteryFor(cell);

async function batteryOn(
  breakage: readonly LayerFile[],
  config?: Partial<NonNullable<Environment['config']['config']>>,
): Promise<string[]> {
  const broken = await runtime.addLayer(image, breakage);
  const layered = await runtime.addLayer(
    config ? { ...broken, config: { ...broken.config, config: { ...broken.config.config, ...config } } } : broken,
    batteryLayer(battery, new Date()),
  );
  const jobs = batteryJobs({ battery, runtime, environment: layered, cell, signal });
  const cases = (await Promise.all(jobs.map((job) => job()))).flat();
  expect(cases).toHaveLength(battery.shared.length + battery.alone.length);
  return cases.filter((item) => item.result === 'failed').map((item) => item.id);
}

describe('the battery', () => {
  it('passes on the image as it is, apart from a release that is not there', async () => {
    const release = sharedChecks[0]?.id;
    expect((await batteryOn([])).filter((id) => id !== release)).toEqual([]);
  });

  const env = (change: (line: string) => string | undefined): string[] =>
    (image.config.config?.Env ?? []).flatMap((line) => change(line) ?? []);
  it.each<[string, string, () => { files?: LayerFile[]; config?: Parameters<typeof batteryOn>[1] }]>([
    ['a wrong os-release', 'version', () => ({ files: [file('usr/lib/os-release', 'VERSION_CODENAME=bookworm\n')] })],
    ['no bundle', 'ca-bundle', () => ({ files: [file('etc/ssl/certs/ca-certificates.crt', '')] })],
    [
      'a store that is not honoured',
      'tls-store/system',
      () => ({ config: { Env: env((line) => (line.startsWith('NODE_USE_SYSTEM_CA') ? undefined : line)) } }),
    ],
    [
      'an authority everybody trusts',
      'tls-store/unknown',
      () => ({ config: { Env: [...(image.config.config?.Env ?? []), 'NODE_TLS_REJECT_UNAUTHORIZED=0'] } }),
    ],
    ['no names of services', 'dns-files', () => ({ files: [file('etc/services', '')] })],
    ['another local time', 'time-zones', () => ({ files: [file('etc/localtime', 'no zone')] })],
    ['a shell', 'file-modes', () => ({ files: [file('usr/bin/sh', '#!', { mode: 0o755 })] })],
    ['a set-id file', 'file-modes', () => ({ files: [file('usr/bin/x', 'x', { mode: 0o4755 })] })],
    [
      'a folder everybody may write',
      'file-modes',
      () => ({ files: [{ path: 'opt/open', kind: 'directory', mode: 0o777, uid: 0, gid: 0 }] }),
    ],
    [
      'no heap setting',
      'heap-limit/128MB',
      () => ({ config: { Env: env((line) => (line.startsWith('NODE_OPTIONS') ? undefined : line)) } }),
    ],
    ['root as user', 'arbitrary-user/own', () => ({ config: { User: '0:0' } })],
    [
      'no place for diagnostics',
      'diagnostics',
      () => ({ files: [{ path: 'var/diagnostics', kind: 'directory', mode: 0o755, uid: 0, gid: 0 }] }),
    ],
    [
      'a working folder of one user only',
      'arbitrary-user/any',
      () => ({ files: [{ path: 'app', kind: 'directory', mode: 0o755, uid: 1000, gid: 1000 }] }),
    ],
    [
      'no init',
      'orphans',
      () => ({
        files: [
          file(
            'usr/bin/tini',
            '#!/usr/local/bin/node\nconst [, , , file, ...args] = process.argv; require("child_process").spawn(file, args, { stdio: "inherit" }).on("close", (code) => process.exit(code));\n',
            { mode: 0o755 },
          ),
        ],
      }),
    ],
    [
      'a built-in module that is gone',
      'builtin-modules',
      () => ({
        config: { Env: [...(image.config.config?.Env ?? []), 'NODE_OPTIONS=--require=/nodeworthy-test/none.cjs'] },
      }),
    ],
  ])('notices %s', async (_, id, breakage) => {
    const { files = [], config } = breakage();
    expect(await batteryOn(files, config)).toContain(id);
  });

  it('gives a reason for each of its checks', () => {
    for (const id of [...sharedChecks, ...containerRuns].map((check) => check.id))
      expect(checkReasons[id.split('/')[0] ?? ''], id).toMatch(/\.$/);
  });
});

describe('a report', () => {
  const report: TestReport = {
    reportVersion: 1,
    subject: battery.suite.digest,
    platform: 'linux/amd64',
    runtime: { name: 'runc', version: '1' },
    startedAt: '',
    durationMs: 1,
    result: 'passed',
    suites: [battery.suite],
    cases: [
      {
        id: 'a',
        suite: battery.suite.id,
        result: 'passed',
        durationMs: 1,
        exitCode: 0,
        problems: [],
        output: '',
        droppedBytes: 0,
        layer: battery.suite.digest,
      },
    ],
  };

  it.each<[string, Partial<TestReport>]>([
    ['has no cases', { cases: [] }],
    ['is untested', { result: 'untested' }],
    [
      'is about an older definition of the suite',
      { suites: [{ ...battery.suite, digest: `sha256:${'0'.repeat(64)}` }] },
    ],
    ['says passed but holds a failure', { cases: report.cases.map((item) => ({ ...item, result: 'failed' })) }],
  ])('that %s is no pass', (_, change) => {
    expect(isCompletePass(report, [battery.suite])).toBe(true);
    expect(isCompletePass({ ...report, ...change }, [battery.suite])).toBe(false);
  });
});

describe('runc', () => {
  const run = async (args: string[], more: object = {}) =>
    (await runtime.run(image, { args, timeoutMs: 20_000, ...more }, signal)).result;

  it('closes what was not asked for: network, capabilities, new privileges, other namespaces', async () => {
    const code = `const fs = require('fs'); const status = fs.readFileSync('/proc/self/status', 'utf8');
      console.log(JSON.stringify({ caps: /CapEff:\\s*(\\w+)/.exec(status)[1], nnp: /NoNewPrivs:\\s*(\\d)/.exec(status)[1], seccomp: /Seccomp:\\s*(\\d)/.exec(status)[1], net: Object.keys(require('os').networkInterfaces()), pids: fs.readdirSync('/proc').filter((n) => /^\\d+$/.test(n)).length }))`;
    expect(JSON.parse((await run([node, '-e', code])).stdout)).toMatchObject({
      caps: '0000000000000000',
      nnp: '1',
      seccomp: '2',
      net: ['lo'],
      pids: 1,
    });
  });

  it('enforces memory and process limits', async () => {
    const hungry = await run([node, '-e', 'const b = []; for (;;) b.push(Buffer.alloc(1 << 24, 1))'], {
      memoryBytes: 128 << 20,
    });
    expect(hungry.exitCode).toBe(137);
    const forks = await run(
      [
        node,
        '-e',
        'const { spawn } = require("child_process"); let bad = 0; for (let i = 0; i < 40; i++) spawn(process.execPath, ["-e", "setTimeout(() => {}, 500)"]).on("error", () => bad++); setTimeout(() => process.exit(bad > 0 ? 7 : 0), 300)',
      ],
      { pidsLimit: 30 },
    );
    expect(forks.exitCode).not.toBe(0);
  });

  it('ends a run that takes too long, and leaves nothing of it', async () => {
    const result = await run([node, '-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 500 });
    expect(result.timedOut).toBe(true);
    // Only what runc left: other tests have engines with mounts of their own at the same time.
    const mounted = await exec('sh', ['-c', 'grep -c " overlay .*nodeworthy-runc-" /proc/mounts || true']);
    expect(mounted.stdout.trim()).toBe('0');
  });

  it('forgets what a run changed, unless it is to be kept', async () => {
    const write = [node, '-e', 'require("fs").writeFileSync("/tmp/x", "1")'];
    const read = [node, '-e', 'process.exit(require("fs").existsSync("/tmp/x") ? 0 : 9)'];
    await run(write);
    expect((await run(read)).exitCode).toBe(9);
    const kept = await runtime.run(image, { args: write, timeoutMs: 20_000, keepChanges: true }, signal);
    expect((await runtime.run(kept.environment, { args: read, timeoutMs: 20_000 }, signal)).result.exitCode).toBe(0);
    await runtime.dispose(kept.environment);
  });

  it('bounds what it keeps of the output, and says how much is missing', async () => {
    const result = await run([node, '-e', 'process.stdout.write("x".repeat(1 << 20))']);
    expect(result.stdout.length).toBe(256 << 10);
    expect(result.droppedBytes).toBe((1 << 20) - (256 << 10));
  });
});

it('each runtime says what it is', () => {
  for (const member of runtimeMembers) expect(member.summary).toMatch(/container/);
});

it.each([
  ['', 'root:x:0:0::/root:/x', { uid: 0, gid: 0, home: '/root' }],
  ['1000:1000', 'node:x:1000:1000::/home/node:/x', { uid: 1000, gid: 1000, home: '/home/node' }],
  ['node', 'node:x:1000:1001::/home/node:/x', { uid: 1000, gid: 1001, home: '/home/node' }],
  ['4242', 'node:x:1000:1000::/home/node:/x', { uid: 4242, gid: 0, home: '/' }],
])('resolveUser(%j)', (spec, passwd, expected) => {
  expect(resolveUser(spec, passwd)).toEqual(expected);
});
