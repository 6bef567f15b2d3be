// Every variant on both platforms, on real packages: what each promises, and the same bytes twice.
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { findDebianMirrors } from '../src/sources/debian/apt-configuration.ts';
import { builtImage, openRunc } from './support/battery-target.ts';
import { brokenImages } from './support/broken-images/broken-images.ts';
import { expectNoticed } from './support/expect-noticed.ts';
import { entry, interruptCli } from './support/cli.ts';
import { startDocker } from './support/daemons.ts';
import { preparedName, preparedStore } from './support/prepared-stores.ts';
import { cells, command, readJson, run, workspaceWith, type CellJson } from './support/matrix.ts';

const recipe = (more: string, platforms = '[linux/amd64]'): string => `name: ${preparedName}
node: { releases: [24] }
bases:
  trixie: { debian: trixie }
variants: [runtime, slim, build]
platforms: ${platforms}
${more}`;

let both: string;
let amd64: string;
let published: CellJson[];
beforeAll(async () => {
  const prepared = await preparedStore('variants');
  amd64 = await workspaceWith(recipe('budgets: { runtime: 60, slim: 100, build: 260 }\n'), prepared, 'reports');
  await command(amd64, ['lock']);
  both = await workspaceWith(recipe('', '[linux/amd64, linux/arm64]'), prepared);
  await command(both, ['lock']);
  published = await cells(amd64, ['run']);
}, 600_000);

const variant = (name: string): CellJson => published.find(({ id }) => id.endsWith(`-${name}`)) ?? expect.fail(name);
const layersOf = async (cwd: string, cell: CellJson): Promise<string[]> =>
  (await readJson(cwd, String(cell.platforms[0]?.digest))).layers.map(({ digest }) => digest);

describe('the variants', () => {
  it('pass their tests, and are published with names of their own', () => {
    expect(published.map(({ outcome }) => outcome)).toEqual(['published', 'published', 'published']);
    for (const cell of published) expect(cell.platforms[0]?.tests).toMatchObject({ failed: 0 });
    expect(variant('slim').tags).toEqual(
      expect.arrayContaining(['24-slim', 'lts-slim', '24.21-trixie-slim'.replace('24.21', '24')]),
    );
    expect(variant('runtime').tags).toContain('24');
    expect(variant('build').tags).not.toContain('24');
  });

  it('share Node.js byte for byte, and build lies on slim', async () => {
    const [runtime, slim, build] = await Promise.all(
      ['runtime', 'slim', 'build'].map((name) => layersOf(amd64, variant(name))),
    );
    expect(slim?.[1]).toBe(runtime?.[1]);
    expect(build?.[2]).toBe(runtime?.[1]);
    expect(build?.[0]).toBe(slim?.[0]);
    expect(build?.[3]).toBe(slim?.[2]);
    expect(build?.at(-1)).toBe(runtime?.at(-1));
  });

  it('are denied when they outgrow their budget, and the others are not', async () => {
    const cwd = await workspaceWith(recipe('budgets: { slim: 50 }\n'), amd64);
    await command(cwd, ['lock']);
    const built = await cells(cwd, ['build', '--cells', '*-{runtime,slim}'], 4);
    expect(built.map(({ outcome }) => outcome)).toEqual(['built', 'blocked']);
    expect(built[1]?.reason).toMatch(/-slim has \d+\.\d MB on linux\/amd64, and its budget is 50 MB/);
  });
});

describe('the battery of slim and build', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await openRunc();
  });
  afterAll(async () => await runtime.close());

  it.each(brokenImages.filter((broken) => broken.variant !== undefined))('notices $what', async (broken) => {
    await expectNoticed(runtime, await builtImage(amd64, variant(broken.variant ?? 'slim')), broken);
  });
});

describe('the same bytes', () => {
  const digests = (list: readonly CellJson[], platforms: readonly string[]) =>
    list.flatMap(({ id, platforms: built }) =>
      built
        .filter(({ platform }) => platforms.includes(platform))
        .map(({ platform, digest }) => `${id} ${platform} ${digest}`),
    );

  /** In a network namespace without a network, another zone, locale, umask and number of workers. */
  async function buildElsewhere(cwd: string, pattern: string): Promise<CellJson[]> {
    const script = `umask 077 && exec "$0" "$1" build --json --quiet --concurrency 5 --cells '${pattern}'`;
    const again = await exec('unshare', ['--net', 'sh', '-c', script, process.execPath, entry], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd, TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' },
      maxOutputBytes: 1 << 20,
    });
    expect(again.exitCode, again.stderr).toBe(0);
    return (JSON.parse(again.stdout) as { cells: CellJson[] }).cells;
  }

  // Maintainer scripts under an emulator take minutes: they run once here, and twice in `npm run bench -- matrix`.
  it('are given for every variant and platform, elsewhere, at another time', { timeout: 1_200_000 }, async () => {
    const first = await cells(both, ['build']);
    expect(first).toHaveLength(3);
    for (const cell of first)
      expect(cell.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    const second = await workspaceWith(recipe(''), both, 'inputs');
    await command(second, ['lock']);
    expect(digests(await buildElsewhere(second, '*'), ['linux/amd64'])).toEqual(digests(first, ['linux/amd64']));
    const third = await workspaceWith(recipe('', '[linux/amd64, linux/arm64]'), both, 'inputs');
    await cp(join(both, 'nodeworthy.lock.json'), join(third, 'nodeworthy.lock.json'));
    const [runtime] = await buildElsewhere(third, '*-runtime');
    expect(runtime?.digest).toBe(first.find(({ id }) => id.endsWith('-runtime'))?.digest);
  });
});

describe('a foreign platform', () => {
  it('is tested under an emulator, which leaves nothing on the machine', { timeout: 400_000 }, async () => {
    // Other tests mount things at the same time: only what an emulator or runc would leave is looked at.
    const mounted = async (): Promise<string[]> =>
      (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => /binfmt_misc|nodeworthy-runc-/.test(line));
    const mounts = await mounted();
    const [runtime] = await cells(both, ['run', '--cells', '*-runtime']);
    expect(runtime).toMatchObject({
      outcome: 'published',
      platforms: [
        { platform: 'linux/amd64', tests: { failed: 0 } },
        { platform: 'linux/arm64', tests: { failed: 0 } },
      ],
    });
    expect(runtime?.platforms[1]?.tests.passed).toBe(runtime?.platforms[0]?.tests.passed);
    expect(await mounted()).toEqual(mounts);
  });

  it('is untested without one, and the image is not published', async () => {
    const cwd = await workspaceWith(recipe('', '[linux/amd64, linux/arm64]'), both);
    await cp(join(both, 'nodeworthy.lock.json'), join(cwd, 'nodeworthy.lock.json'));
    const script =
      'mount --bind /dev/null /usr/bin/qemu-aarch64-static && exec "$0" "$1" run --json --quiet --cells "*-runtime"';
    const result = await exec('unshare', ['--mount', 'sh', '-c', script, process.execPath, entry], {
      cwd,
      env: process.env,
      maxOutputBytes: 1 << 20,
    });
    expect(result.exitCode, result.stderr).toBe(4);
    expect(JSON.parse(result.stdout)).toMatchObject({
      cells: [
        { outcome: 'untested', tags: [], reason: expect.stringContaining('linux/arm64 does not run on this machine') },
      ],
    });
  });
});

it('killed while maintainer scripts run, nothing is left, and the next run ends it', { timeout: 300_000 }, async () => {
  const cwd = await workspaceWith(recipe(''), both, 'inputs');
  await command(cwd, ['lock']);
  const systems = join(cwd, '.nodeworthy/store/.nodeworthy/systems');
  const killed = await interruptCli(['build', '--cells', '*-slim'], {
    cwd,
    signal: 'SIGKILL',
    // A line every three seconds says that it is at work; by the first one the scripts run.
    when: (stderr) => stderr.includes('still working'),
  });
  expect(killed.interrupted).toBe(true);
  const [slim] = await cells(cwd, ['build', '--cells', '*-slim']);
  expect(slim?.digest).toBe(variant('slim').digest);
  expect((await readdir(systems)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect(await readFile('/proc/mounts', 'utf8')).not.toContain(cwd);
});

describe('derived images', () => {
  it('install packages on slim, and run in runtime what build has compiled', { timeout: 600_000 }, async () => {
    const docker = await startDocker();
    try {
      const env = { DOCKER_HOST: docker.address };
      const store = join(amd64, '.nodeworthy/store');
      for (const name of ['runtime', 'slim', 'build']) {
        const archive = join(docker.folder, `${name}.tar`);
        await run('skopeo', ['copy', '--quiet', `oci:${store}:24-${name}`, `docker-archive:${archive}:acme:${name}`]);
        await run('/usr/bin/docker', ['load', '--quiet', '--input', archive], env);
      }
      const mirrors = await findDebianMirrors('/etc/apt', {});
      const context = join(docker.folder, 'context');
      await mkdir(context);
      const signed = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';
      await writeFile(
        join(context, 'nodeworthy.list'),
        `deb ${signed} ${mirrors.main} trixie main\ndeb ${signed} ${mirrors.main} trixie-updates main\ndeb ${signed} ${mirrors.security} trixie-security main\n`,
      );
      await writeFile(
        join(context, 'slim.Dockerfile'),
        `FROM acme:slim
USER root
COPY nodeworthy.list /etc/apt/sources.list.d/nodeworthy.list
RUN apt-get update && apt-get install -y --no-install-recommends less && less --version
RUN dpkg --verify | grep -v -E ' /usr/share/(doc|info|lintian|locale|man)/' > /tmp/changed || true; cat /tmp/changed; test ! -s /tmp/changed
USER 1000
`,
      );
      const build = ['build', '--network', 'host', '--file'];
      await run('/usr/bin/docker', [...build, join(context, 'slim.Dockerfile'), context], env);
      await writeFile(
        join(context, 'package.json'),
        JSON.stringify({ name: 'app', version: '1.0.0', gypfile: true, scripts: { install: 'node-gyp rebuild' } }),
      );
      await writeFile(
        join(context, 'package-lock.json'),
        JSON.stringify({
          name: 'app',
          version: '1.0.0',
          lockfileVersion: 3,
          packages: { '': { name: 'app', version: '1.0.0', hasInstallScript: true } },
        }),
      );
      await writeFile(
        join(context, 'binding.gyp'),
        JSON.stringify({ targets: [{ target_name: 'addon', sources: ['addon.cc'] }] }),
      );
      await writeFile(
        join(context, 'addon.cc'),
        '#include <node.h>\n#include <string>\nstatic void Greet(const v8::FunctionCallbackInfo<v8::Value>& info) {\n  std::string text = "compiled against " NODE_VERSION;\n  info.GetReturnValue().Set(v8::String::NewFromUtf8(info.GetIsolate(), text.c_str()).ToLocalChecked());\n}\nNODE_MODULE_INIT() { NODE_SET_METHOD(exports, "greet", Greet); }\n',
      );
      await writeFile(
        join(context, 'Dockerfile'),
        `FROM acme:build AS build
COPY package.json package-lock.json binding.gyp addon.cc /app/
RUN npm ci --offline
FROM acme:runtime
COPY --from=build /app /app
CMD ["node", "--print", "require('/app/build/Release/addon.node').greet()"]
`,
      );
      await run('/usr/bin/docker', ['build', '--network', 'none', '--quiet', '--tag', 'acme:app', context], env);
      const said = await run('/usr/bin/docker', ['run', '--rm', '--network', 'none', 'acme:app'], env);
      expect(said).toMatch(/^compiled against v24\./);
    } finally {
      await docker.stop();
    }
  });
});
