// The battery must fail on an image that is broken on purpose, and runtimes must keep their promises.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import { runtimeMembers } from '../src/runtimes/open-runtime.ts';
import { resolveUser } from '../src/runtimes/resolve-user.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { batterySuite } from '../src/stages/test/battery/battery-suite.ts';
import { checkReasons } from '../src/stages/test/battery/check-folders.ts';
import { isCompletePass, type Suite, type TestCase, type TestReport } from '../src/stages/test/report.ts';
import { runSuites } from '../src/stages/test/run-suites.ts';
import { buildImages, openRunc, openTarget, type BuiltImage } from './support/battery-target.ts';
import { expectNoticed } from './support/expect-noticed.ts';
import { textFile } from './support/broken-images/break-image.ts';
import { brokenImages } from './support/broken-images/broken-images.ts';

let runtime: Runtime;
let image: BuiltImage;
const signal = new AbortController().signal;
const node = '/usr/local/bin/node';

beforeAll(async () => {
  [image] = (await buildImages((cell) => /^24\..*-trixie/.test(cell))) as [BuiltImage];
  runtime = await openRunc();
}, 300_000);
afterAll(async () => await runtime.close());

describe('the battery', () => {
  it('passes on the image as it is', async () => {
    const target = await openTarget(runtime, image);
    const cases = await runSuites(target, [batterySuite(image.cell)], { parallel: 2, failFast: false, retries: 0 });
    expect(cases.filter(({ result }) => result !== 'passed')).toEqual([]);
    expect(cases.length).toBeGreaterThan(50);
  });

  it.each(brokenImages.filter(({ variant }) => variant === undefined))('notices $what', async (broken) => {
    await expectNoticed(runtime, image, broken);
  });

  it('names each capability that its data has wrong: no check can turn itself off', async () => {
    const target = await openTarget(runtime, image);
    const wrong = batterySuite({ ...image.cell, capabilities: new Set() });
    const wants = (_: string, id: string): boolean => id === 'capabilities';
    const [found] = await runSuites(target, [wrong], { parallel: 2, failFast: false, retries: 0, wants });
    expect(found?.result).toBe('failed');
    const byTools: readonly string[] = ['memory-limit', 'npx'];
    for (const name of image.cell.capabilities)
      if (!byTools.includes(name)) expect(found?.output).toContain(`it has ${name},`);
  });

  it('goes on with the other checks when one ends the engine', async () => {
    const whole = await openTarget(runtime, image);
    const files = [textFile('break.cjs', "require('crypto').createHash = () => process.abort()")];
    const env = (whole.environment.config.config?.Env ?? []).map((line) =>
      line.startsWith('NODE_OPTIONS=') ? `${line} --require=/break.cjs` : line,
    );
    const target = await openTarget(runtime, image, { files, config: { Env: env } });
    const ids = ['dns-files', 'crypto/basics', 'http/1', 'wasm'];
    const wants = (_: string, id: string): boolean => ids.includes(id);
    const suite = batterySuite(image.cell);
    const cases = await runSuites(target, [suite], { parallel: 2, failFast: false, retries: 0, wants });
    expect(cases.map(({ id, result }) => `${id} ${result}`)).toEqual([
      'dns-files passed',
      'crypto/basics failed',
      'http/1 passed',
      'wasm passed',
    ]);
  });

  it('has an image broken on purpose, and a reason, for each of its checks', () => {
    const noticed = new Set(brokenImages.flatMap(({ ids }) => ids));
    const every = ['runtime', 'slim', 'build', 'image'].flatMap((variant) =>
      batterySuite({ ...image.cell, variant }).jobs.flatMap(({ ids }) => ids),
    );
    expect(every.length).toBeGreaterThan(150);
    for (const id of every) {
      expect(checkReasons[id.split('/')[0] ?? ''], id).toMatch(/\.$/);
      if (!id.startsWith('hardening/')) expect([...noticed], id).toContain(id);
    }
  });
});

const suite: Suite = { id: 'a', origin: 'client', kind: 'script', digest: `sha256:${'1'.repeat(64)}` };
const passed: TestCase = {
  id: 'a',
  suite: 'a',
  result: 'passed',
  attempts: [{ result: 'passed', durationMs: 1, problems: [] }],
  durationMs: 1,
  exitCode: 0,
  problems: [],
  output: '',
  droppedBytes: 0,
  layers: [],
};
const report: TestReport = {
  reportVersion: 2,
  subject: suite.digest,
  platform: 'linux/amd64',
  runtime: { name: 'runc', version: '1' },
  startedAt: '',
  durationMs: 1,
  result: 'passed',
  suites: [suite],
  cases: [passed],
};

describe('a report', () => {
  it.each<[string, Partial<TestReport>]>([
    ['has no cases', { cases: [] }],
    ['is untested', { result: 'untested' }],
    ['is flaky', { result: 'flaky' }],
    ['is about an older definition of the suite', { suites: [{ ...suite, digest: `sha256:${'0'.repeat(64)}` }] }],
    ['says passed but holds a failure', { cases: [{ ...passed, result: 'failed' }] }],
    ['says passed but holds a flaky case', { cases: [{ ...passed, result: 'flaky' }] }],
    ['has nothing but cases that do not apply', { cases: [{ ...passed, result: 'not-applicable', reason: 'x' }] }],
    ['says passed but holds a case that did not run', { cases: [{ ...passed, result: 'not-run' }] }],
  ])('that %s is no pass', (_, change) => {
    expect(isCompletePass(report, [suite])).toBe(true);
    expect(isCompletePass({ ...report, ...change }, [suite])).toBe(false);
  });
});

it('a case that does not apply is neither passed nor missing in a report', () => {
  expect(
    isCompletePass({ ...report, cases: [passed, { ...passed, id: 'b', result: 'not-applicable' }] }, [suite]),
  ).toBe(true);
});

describe('runc', () => {
  const run = async (args: string[], more: object = {}) => {
    const { environment } = await openTarget(runtime, image);
    return (await runtime.run(environment, { args, timeoutMs: 20_000, ...more }, signal)).result;
  };

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

  it('enforces memory, processor and process limits, and says what was used', async () => {
    const hungry = await run([node, '-e', 'const b = []; for (;;) b.push(Buffer.alloc(1 << 24, 1))'], {
      memoryBytes: 128 << 20,
    });
    expect(hungry.exitCode).toBe(137);
    expect(hungry.resources?.memoryPeakBytes).toBeGreaterThan(100e6);
    const busy = await run([node, '-e', 'const end = Date.now() + 1000; while (Date.now() < end);'], { cpus: 0.25 });
    expect(busy.resources?.cpuMs).toBeLessThan(700);
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

  it('ends a run that takes too long or writes too much, and leaves nothing of it', async () => {
    const result = await run([node, '-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 500 });
    expect(result.timedOut).toBe(true);
    const fill =
      "const fs = require('fs'); const f = fs.openSync('/tmp/x', 'w'); const b = Buffer.alloc(1 << 20); setInterval(() => { for (let i = 0; i < 40; i++) fs.writeSync(f, b); }, 20)";
    expect((await run([node, '-e', fill], { diskBytes: 100e6 })).stopped).toBe('wrote more than 100 MB');
    // Only what runc left: other tests have engines with mounts of their own at the same time.
    const mounted = await exec('sh', ['-c', 'grep -c " overlay .*nodeworthy-runc-" /proc/mounts || true']);
    expect(mounted.stdout.trim()).toBe('0');
  });

  it('forgets what a run changed, unless it is to be kept, and tells what it was', async () => {
    const write = [node, '-e', 'require("fs").writeFileSync("/tmp/x", "1")'];
    const read = [node, '-e', 'process.exit(require("fs").existsSync("/tmp/x") ? 0 : 9)'];
    const { environment } = await openTarget(runtime, image);
    const result = await run(write);
    expect(result.changes).toMatchObject({ added: 1, changed: 1, removed: 0, paths: ['C /tmp', 'A /tmp/x'] });
    expect(result.changes?.diffId).toMatch(/^sha256:/);
    expect((await run(read)).exitCode).toBe(9);
    const kept = await runtime.run(environment, { args: write, timeoutMs: 20_000, keepChanges: true }, signal);
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
  ['node', 'node:x:1000:1000::/home/node:/x', { uid: 1000, gid: 1000, additionalGids: [50], home: '/home/node' }],
  ['node:staff', 'node:x:1000:1000::/home/node:/x', { uid: 1000, gid: 50, home: '/home/node' }],
  ['1000:1000', 'node:x:1000:1000::/home/node:/x', { uid: 1000, gid: 1000, home: '/home/node' }],
  ['4242', 'node:x:1000:1000::/home/node:/x', { uid: 4242, gid: 0, home: '/' }],
])('resolveUser(%j)', (spec, passwd, expected) => {
  expect(resolveUser(spec, { passwd, group: 'staff:x:50:node\nnode:x:1000:\n' })).toEqual(expected);
});
