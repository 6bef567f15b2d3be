// Tests that misbehave, images that lack everything, runtimes that go away: what is told, and what is left behind.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import { entry, runCli } from './support/cli.ts';
import { startDocker } from './support/daemons.ts';
import { run } from './support/matrix.ts';
import { makeShellImage } from './support/shell-image.ts';
import { temporaryFolder } from './support/workspace.ts';

let image: string;
let cwd: string;
beforeAll(async () => {
  image = await makeShellImage();
  cwd = await temporaryFolder();
}, 120_000);

async function write(path: string, text: string): Promise<string> {
  await mkdir(join(cwd, path, '..'), { recursive: true });
  await writeFile(join(cwd, path), text);
  if (path.endsWith('.sh')) await chmod(join(cwd, path), 0o755);
  return path;
}

interface Tested {
  readonly digest: string;
  readonly cases: readonly { name: string; result: string; problems: string[] }[];
}

async function test(path: string, more: readonly string[] = []): Promise<Tested['cases'][number]> {
  const tested = await runCli(['test', image, '--with', path, '--json', '--quiet', ...more], { cwd });
  expect(tested.exitCode, tested.stderr).toBe(4);
  const [first, ...rest] = (JSON.parse(tested.stdout) as Tested).cases;
  expect(rest.filter(({ result }) => result === 'failed')).toEqual([]);
  return first ?? expect.fail('no case');
}

/** Everything that a run could leave on the machine. */
function leftovers() {
  const ours = /nodeworthy-(?:runc-|\d+)/;
  return {
    mounts: readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes('nodeworthy-runc-')),
    folders: readdirSync(tmpdir())
      .filter((name) => name.startsWith('nodeworthy-runc-'))
      .filter((name) => !isAlive(Number(name.split('-')[2]))),
    groups: readdirSync('/sys/fs/cgroup/memory')
      .filter((name) => ours.test(name))
      .filter((name) => !isAlive(Number(name.split('-')[1]))),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const nothing = { folders: [], groups: [] };

describe('a test that misbehaves', () => {
  const timed = (steps: string): string =>
    `runs:\n  - name: bad\n    user: "0"\n    capabilities: default\n    timeoutSeconds: 5\n    disk: 64MiB\n    processes: 50\n    command: [sh, -c, ${JSON.stringify(steps)}]\n`;

  it.each([
    ['hangs', 'sleep 1000', /did not end within 5 s/],
    ['floods its output', 'yes | head -c 50000000; exit 5', /exit code 5/],
    ['forks without end', 'f() { f | f & }; f; sleep 2; exit 6', /exit code|did not end/],
    ['fills the disk', 'dd if=/dev/zero of=/big bs=1M count=4000', /wrote more than 67 MB/],
    [
      'buries folders deeper than a path can say',
      'd=$(head -c 200 /dev/zero | tr "\\0" x); for i in $(seq 40); do mkdir $d && cd $d; done; exit 8',
      /exit code 8/,
    ],
    ['kills its parent', 'kill -9 1; kill -9 -1; exit 7', /exit code (?:7|137)/],
    ['removes the root', 'rm -rf /bin /usr /lib /etc /app 2>/dev/null; exit 8', /exit code (?:8|127)/],
    [
      'leaves its container',
      'cd /proc/1/root/../../..; mkdir -p /x && mount -t proc proc /x 2>/dev/null && exit 0; test -e /etc/debian_version && exit 0; exit 9',
      /exit code 9/,
    ],
  ])('%s is ended, and the image is what it was', { timeout: 60_000 }, async (name, script, problem) => {
    const path = await write(`bad/${name.replaceAll(' ', '-')}.yaml`, timed(script));
    const found = await test(path);
    expect(found.result).toBe('failed');
    expect(found.problems.join()).toMatch(problem);
    await write('good.sh', '#!/bin/sh\ncat /app/readme.txt | grep application && node --version\n');
    const after = await runCli(['test', image, '--with', 'good.sh', '--json', '--quiet'], { cwd });
    expect(after.exitCode, after.stdout).toBe(0);
    expect(leftovers()).toMatchObject(nothing);
  });

  it.each<[string, string, RegExp]>([
    [
      'cut.yaml',
      'schemaVersion: 2.0.0\ncommandTests:\n  - { name: x, command: sh, args: [-c, "yes | head -c 400000; echo forbidden"], excludedOutput: [forbidden] }\n',
      /were not kept, and what must not be in them cannot be judged/,
    ],
    ['tap.sh', '#!/bin/sh\necho 1..2; echo ok 1; yes "# talk" | head -c 400000; echo not ok 2\n', /were not kept/],
    ['short.sh', '#!/bin/sh\necho "ok 1 - a"\n', /1 of the planned tests did not run/],
    [
      'crash.yaml',
      'runs:\n  - name: x\n    command: [sh, -c, "echo ready; exit 139"]\n    steps: [{ waitFor: { line: ready } }, { sleepSeconds: 0.3 }]\n',
      /exit code 139, expected 0/,
    ],
    [
      'gone.yaml',
      'runs:\n  - name: x\n    command: [sh, -c, "echo ready; exit 0"]\n    steps: [{ waitFor: { line: ready } }, { sleepSeconds: 0.3 }, { observe: { maxZombies: 0 } }]\n',
      /has ended, and could not be looked at/,
    ],
    [
      'many.yaml',
      'runs:\n  - name: x\n    command: [sh, -c, "i=0; while [ $i -lt 120 ]; do touch /tmp/a$i; i=$((i + 1)); done"]\n    expect: { changes: ["/tmp/**"] }\n',
      /changed 1\d\d files, of which 100 are known/,
    ],
    [
      'slow.yaml',
      'schemaVersion: 2.0.0\ncommandTests:\n  - { name: x, setup: [[sh, -c, "dd if=/dev/zero of=/tmp/x bs=1M count=2500"]], command: "true" }\n',
      /setup sh .*wrote more than/,
    ],
    [
      'user.yaml',
      'runs:\n  - { name: x, user: nobody-knows, command: [sh] }\n',
      /the image has no user "nobody-knows"/,
    ],
    ['mount.sh', '#!/bin/sh\necho "mount: /mnt: permission denied." >&2; exit 32\n', /exit code 32: mount: \/mnt/],
    [
      'traversal.yaml',
      'schemaVersion: 2.0.0\nfileContentTests:\n  - { name: x, path: /../../../../../../../../../../etc/debian_version, expectedContents: ["."] }\n',
      /no such file/,
    ],
  ])('%s cannot pass', { timeout: 60_000 }, async (path, text, message) => {
    const tested = await test(await write(path, text));
    expect(tested.result).toBe('failed');
    expect(tested.problems.join()).toMatch(message);
  });

  it('cannot reach files of this machine over links or paths', async () => {
    await mkdir(join(cwd, 'links'), { recursive: true });
    await symlink('/etc', join(cwd, 'links/etc')).catch(() => {});
    const refused = async (named: string, message: RegExp): Promise<void> => {
      const tested = await runCli(['test', image, '--with', named, '--quiet'], { cwd });
      expect(tested.stderr).toMatch(message);
      expect(tested.exitCode).toBe(2);
    };
    await write('links/Dockerfile', 'COPY etc/hostname /x\nRUN true\n');
    await refused('links', /links\/Dockerfile:1: etc\/hostname leads out of its folder over a link/);
    await write('links/Dockerfile', 'RUN --mount=type=bind,source=etc,target=/mnt cat /mnt/hostname\n');
    await refused('links', /links\/Dockerfile:1: etc is a link/);
    await write('links/run.yaml', 'runs:\n  - { name: x, files: [{ path: /x, source: etc/hostname }] }\n');
    await refused('links/run.yaml', /etc\/hostname leads out of its folder over a link/);
    const escape = join(tmpdir(), 'nodeworthy-escaped');
    await write(
      'escape.yaml',
      `runs:\n  - name: x\n    files: [{ path: /../../../../../../..${escape}, content: x }]\n    command: [cat, ${escape}]\n    expect: { stdout: x }\n`,
    );
    expect((await runCli(['test', image, '--with', 'escape.yaml', '--quiet'], { cwd })).exitCode).toBe(0);
    expect(readdirSync(tmpdir())).not.toContain('nodeworthy-escaped');
  });

  it('needs a file that is missing, or a program', async () => {
    expect((await test(await write('cat.sh', '#!/bin/sh\ncat /none\n'))).problems.join()).toMatch(/No such file/);
    expect((await test(await write('bash.sh', '#!/bin/bash\ntrue\n'))).problems.join()).toMatch(
      /exit code 127: .* is not in the image/,
    );
  });
});

describe('a file that cannot be read', () => {
  it.each([
    ['a/Dockerfile', 'RUN true\nFROM scratch\n', /a\/Dockerfile:2: FROM does not belong in a test[\s\S]*another FROM/],
    ['b/Dockerfile', 'RUN <<EOF\ntrue\n', /b\/Dockerfile:1: the heredoc EOF has no end/],
    ['c/Dockerfile', 'COPY none /x\nRUN true\n', /c\/Dockerfile:1: none does not exist/],
    ['d/Dockerfile', 'COPY ../b /x\nRUN true\n', /d\/Dockerfile:1: \.\.\/b lies outside/],
    ['e/Dockerfile', 'BUILD x\n', /e\/Dockerfile:1: there is no instruction "BUILD"/],
    ['f/Dockerfile', 'ENV A=1\n', /f\/Dockerfile has no RUN, so it could not fail/],
    ['g/Dockerfile', 'RUN true\nCOPY --from=x a b\n', /g\/Dockerfile:2: COPY --from=x names another stage/],
    ['h/Dockerfile', 'ENV A="${B:?not given}"\nRUN true\n', /h\/Dockerfile:1: B: not given/],
    ['a.yaml', 'schemaVersion: 2.0.0\ncommandTests:\n  - name: x\n    comand: y\n', /a\.yaml:4: comand is not known/],
    ['b.yaml', 'schemaVersion: 2.0.0\ncommandTests: [\n', /b\.yaml:\d: /],
    ['c.yaml', 'schemaVersion: 3.0.0\ncommandTests: []\n', /c\.yaml: schemaVersion 3\.0\.0 is not supported/],
    ['d.yaml', 'schemaVersion: 2.0.0\n', /d\.yaml holds no test/],
    [
      'e.yaml',
      'schemaVersion: 2.0.0\nfileExistenceTests:\n  - { name: x, path: /x, uid: zero }\n',
      /e\.yaml:3: uid is no integer/,
    ],
    [
      'j.yaml',
      'schemaVersion: 2.0.0\ncontainerRunOptions: { envFile: none.env }\ncommandTests: [{ name: x, command: sh }]\n',
      /j\.yaml: .*none\.env lies outside of .*malformed/,
    ],
    ['f.json', '{ "schemaVersion": "2.0.0", ', /f\.json: /],
    [
      'g.yaml',
      'runs:\n  - name: x\n    comand: [a]\n',
      /g\.yaml:3:5: unknown key "comand"[\s\S]*did you mean "command"/,
    ],
    ['h.yaml', 'runs:\n  - name: x\n    steps: [{ signal: SIGNONE }]\n', /h\.yaml:3:\d+: runs\.0\.steps\.0\.signal/],
    ['i.yaml', 'runs:\n  - name: x\n    memory: much\n', /i\.yaml:3:5: .*a number and B/],
    [
      'app/package.json',
      '{ "scripts": { "test": "node --test" }, "dependencies": { "x": "1" } }',
      /app has dependencies|package\.json has dependencies and neither/,
    ],
  ])('%s: %j', async (path, text, message) => {
    await write(`malformed/${path}`, text);
    const named = /^(?:[a-z]\/Dockerfile|app\/)/.test(path) ? `malformed/${path.split('/')[0]}` : `malformed/${path}`;
    const tested = await runCli(['test', image, '--with', named, '--quiet'], { cwd });
    expect(tested.stderr).toMatch(message);
    expect(tested.stderr).not.toMatch(/^\s+at /m);
    expect(tested.exitCode).toBe(2);
  });
});

/** The same layers under a configuration that somebody damaged, with digests that fit. */
async function brokenConfig(change: (text: string) => string): Promise<string> {
  const layout = join(await temporaryFolder(), 'layout');
  await cp(image.replace(/^oci:|:app$/g, ''), layout, { recursive: true });
  const put = async (text: string): Promise<{ digest: string; size: number }> => {
    const hex = createHash('sha256').update(text).digest('hex');
    await writeFile(join(layout, 'blobs/sha256', hex), text);
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
  };
  const read = (digest: string): string => readFileSync(join(layout, 'blobs/sha256', digest.slice(7)), 'utf8');
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; size: number }[];
  };
  const [entry] = index.manifests;
  if (!entry) return expect.fail('no manifest');
  const manifest = JSON.parse(read(entry.digest)) as { config: { digest: string } };
  Object.assign(manifest.config, await put(change(read(manifest.config.digest))));
  Object.assign(entry, await put(JSON.stringify(manifest)));
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  return `oci:${layout}:app`;
}

describe('an image', () => {
  const versionTest = 'schemaVersion: 2.0.0\ncommandTests: [{ name: version, command: node, args: [--version] }]\n';

  it('without a shell and without node fails its tests, and nothing else', async () => {
    const layout = join(await temporaryFolder(), 'layout');
    const root = await temporaryFolder();
    await writeFile(join(root, 'only.txt'), 'x');
    for (const args of [
      ['init', '--layout', layout],
      ['new', '--image', `${layout}:app`],
      ['insert', '--image', `${layout}:app`, root, '/'],
    ])
      await run('umoci', args);
    await write('version.yaml', versionTest);
    await write('plain/Dockerfile', 'RUN true\n');
    const tested = await runCli(['test', `oci:${layout}:app`, '--with', 'version.yaml', 'plain', '--json', '--quiet'], {
      cwd,
    });
    expect(tested.exitCode, tested.stderr).toBe(4);
    const { cases } = JSON.parse(tested.stdout) as Tested;
    expect(cases.map(({ result }) => result)).toEqual(['failed', 'failed']);
    expect(cases.map(({ problems }) => problems.join()).join()).toMatch(/Actual: 127[\s\S]*exit code 127/);
  });

  it('with a broken configuration, or of a foreign platform, is said to be so', async () => {
    const version = await write('version.yaml', versionTest);
    for (const [change, message] of [
      [(text: string) => text.replace('"rootfs"', '"rootless"'), /rootfs|config/],
      [(text: string) => text.slice(0, -20), /JSON|config/],
    ] as const) {
      const tested = await runCli(['test', await brokenConfig(change), '--with', version, '--quiet'], { cwd });
      expect(tested.stderr).toMatch(/^nodeworthy: /);
      expect(tested.stderr).toMatch(message);
      expect(tested.stderr).not.toMatch(/^\s+at |this is a bug/m);
      expect(tested.exitCode).toBeGreaterThan(1);
    }
    const foreign = await makeShellImage(['--architecture', 's390x']);
    const other = await runCli(['test', foreign, '--with', 'version.yaml', '--json', '--quiet'], { cwd });
    expect(other.stdout).toMatch(/"result": "untested"[\s\S]*linux\/s390x does not run on this machine/);
    expect(other.exitCode).toBe(4);
  });
});

describe('two hundred tests', () => {
  beforeAll(async () => {
    const one = (at: number): string =>
      `  - { name: n${at}, setup: [[sh, -c, "echo ${at} > /tmp/x"]], command: cat, args: [/tmp/x], expectedOutput: ["^${at}\\\\n$"] }`;
    await write(
      'many.yaml',
      `schemaVersion: 2.0.0\ncommandTests:\n${Array.from({ length: 100 }, (_, at) => one(at)).join('\n')}\n`,
    );
    await write(
      'more.yaml',
      `schemaVersion: 2.0.0\ncommandTests:\n${Array.from({ length: 100 }, (_, at) => one(at + 100)).join('\n')}\n`,
    );
  });
  const args = ['test', '--with', 'many.yaml', '--with', 'more.yaml', '--json'];
  const disk = async (): Promise<string[]> =>
    (await readdir(join(cwd, '.nodeworthy/store/.nodeworthy/guests'), { recursive: true })).filter((path) =>
      /test-(?:layers|steps)\//.test(path),
    );

  it(
    'leave no mount, namespace, process, folder or file, in whatever order they end',
    { timeout: 180_000 },
    async () => {
      await runCli(['clean', '--all'], { cwd });
      const tested = await runCli([args[0] ?? '', image, ...args.slice(1), '--quiet'], { cwd });
      expect(tested.exitCode, tested.stderr).toBe(0);
      expect(JSON.parse(tested.stdout)).toMatchObject({ passed: 200, failed: 0 });
      expect(leftovers()).toMatchObject(nothing);
      expect(await disk()).toEqual([]);
    },
  );

  it.each(['SIGINT', 'SIGKILL'] as const)(
    'leave nothing after %s either, at the latest when the next run has cleaned',
    { timeout: 120_000 },
    async (signal) => {
      const child = spawn(process.execPath, [entry, args[0] ?? '', image, ...args.slice(1)], { cwd, stdio: 'ignore' });
      const home = new RegExp(`^nodeworthy-runc-${child.pid}-`);
      for (let at = 0; at < 200 && !readdirSync(tmpdir()).some((name) => home.test(name)); at++) await sleep(50);
      await sleep(1500);
      child.kill(signal);
      await new Promise((resolve) => child.on('close', resolve));
      await sleep(500);
      const running = await exec('sh', ['-c', `ps -eo args | grep -c '[n]odeworthy-${child.pid}-' || true`]);
      expect(running.stdout.trim()).toBe('0');
      await write('next.sh', '#!/bin/sh\ntrue\n');
      expect((await runCli(['test', image, '--with', 'next.sh', '--quiet'], { cwd })).exitCode).toBe(0);
      expect(leftovers()).toMatchObject(nothing);
      expect(leftovers().mounts.filter((line) => home.test(line))).toEqual([]);
      expect(await disk()).toEqual([]);
    },
  );
});

it(
  'an engine that goes away is an error that says so, and the next run cleans what was left in it',
  { timeout: 120_000 },
  async () => {
    const docker = await startDocker();
    await write('slow.sh', '#!/bin/sh\nsleep 60\n');
    const env = { DOCKER_HOST: docker.address };
    const running = runCli(['test', image, '--with', 'slow.sh', '--runtime', 'docker', '--quiet'], { cwd, env });
    const list = async (): Promise<string> =>
      (await exec('/usr/bin/docker', ['ps', '--all', '--quiet'], { env: { ...process.env, ...env } })).stdout.trim();
    for (let at = 0; at < 300 && (await list()) === ''; at++) await sleep(100);
    await sleep(1000);
    await docker.kill();
    const ended = await running;
    await docker.stop();
    expect(ended.stderr).toMatch(/nodeworthy: the container engine/);
    expect(ended.exitCode).toBe(8);
  },
);
