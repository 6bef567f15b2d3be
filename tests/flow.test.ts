// The main job from recipe to registry, on real inputs, runtimes and registries.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Digest } from '../src/core/digest.ts';
import { exec } from '../src/core/exec.ts';
import { writeJournal } from '../src/stages/publish/journal.ts';
import { openLayoutStore } from '../src/store/layout/layout-store.ts';
import { interruptCli, runCli } from './support/cli.ts';
import { podmanStorage, startDocker, startRegistry, type Daemon } from './support/daemons.ts';
import { smallWorkspace, temporaryFolder, type Prepared } from './support/workspace.ts';

interface RunJson {
  readonly cells: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly reason?: string;
    readonly digest: string;
    readonly platforms: readonly {
      readonly platform: string;
      readonly digest: string;
      readonly sizeBytes: number;
      readonly tests: { readonly passed: number; readonly failed: number };
    }[];
    readonly tags: readonly string[];
    readonly targets: readonly {
      readonly target: string;
      readonly uploadedBytes: number;
      readonly movedTags: readonly string[];
    }[];
  }[];
}

let registry: Daemon;
let count = 0;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => await registry.stop());

const only24 = (cell: string): boolean => cell.startsWith('24.');
const only24Trixie = (cell: string): boolean => /^24\..*-trixie/.test(cell);

async function workspaceFor(
  keep: (cell: string) => boolean,
  extra: (recipe: string) => string = (recipe) => recipe,
  prepared?: Prepared,
) {
  const repository = `${registry.address}/acme/node${++count}`;
  const cwd = await smallWorkspace(
    keep,
    (recipe) => extra(recipe.replace('publish: []', `publish: [{ repository: ${repository} }]`)),
    prepared,
  );
  return { cwd, repository };
}

async function run(cwd: string, args: readonly string[] = ['run'], exitCode = 0): Promise<RunJson> {
  const result = await runCli([...args, '--json', '--quiet'], { cwd });
  expect(result.exitCode, result.stderr + result.stdout).toBe(exitCode);
  return JSON.parse(result.stdout) as RunJson;
}

async function digestAt(repository: string, reference: string): Promise<string | null> {
  const response = await fetch(`http://${repository.replace('/', '/v2/')}/manifests/${reference}`, {
    method: 'HEAD',
    headers: { accept: 'application/vnd.oci.image.index.v1+json' },
  });
  return response.headers.get('docker-content-digest');
}

async function everyTag(cwd: string, repository: string, result: RunJson): Promise<void> {
  const index = JSON.parse(await readFile(join(cwd, '.nodeworthy/store/index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  for (const cell of result.cells) {
    for (const tag of cell.tags) {
      expect(await digestAt(repository, tag), tag).toBe(cell.digest);
      expect(
        index.manifests.find((entry) => entry.annotations?.['org.opencontainers.image.ref.name'] === tag)?.digest,
        tag,
      ).toBe(cell.digest);
    }
  }
}

describe('run', () => {
  let cwd: string;
  let repository: string;
  let first: RunJson;
  beforeAll(async () => {
    ({ cwd, repository } = await workspaceFor(only24, undefined, 'inputs'));
    first = await run(cwd);
  });

  it('publishes what it tested under every tag, in the store and in the registry, with one digest', async () => {
    expect(first.cells.map((cell) => cell.outcome)).toEqual(['published', 'published']);
    for (const cell of first.cells) {
      expect(cell.platforms).toHaveLength(1);
      expect(cell.platforms[0]).toMatchObject({ platform: 'linux/amd64', tests: { passed: 69, failed: 0 } });
      expect(cell.tags[0]).toBe(`${cell.id}-r1`);
      expect(cell.targets.map((target) => target.target)).toEqual(['store', repository]);
    }
    expect(first.cells.find((cell) => cell.id.includes('trixie'))?.tags).toContain('24');
    await everyTag(cwd, repository, first);
  });

  it('uploads shared layers once', () => {
    const uploads = first.cells.map((cell) => cell.targets[1]?.uploadedBytes ?? 0);
    const sizes = first.cells.map((cell) => cell.platforms[0]?.sizeBytes ?? 0);
    expect(Math.min(...uploads)).toBeLessThan(Math.min(...sizes) / 2);
  });

  it('does nothing the second time, says so, and uploads nothing', async () => {
    const again = await run(cwd);
    expect(again.cells.map((cell) => [cell.outcome, cell.digest])).toEqual(
      first.cells.map((cell) => ['unchanged', cell.digest]),
    );
    expect(again.cells.flatMap((cell) => cell.targets.map((target) => target.uploadedBytes))).toEqual([0, 0, 0, 0]);
    for (const verb of ['build', 'test', 'publish'])
      expect((await run(cwd, [verb])).cells.map((cell) => cell.outcome)).toEqual(['unchanged', 'unchanged']);
  });

  it('writes a page that stands alone', async () => {
    const reports = join(cwd, '.nodeworthy/store/.nodeworthy/reports');
    const page = await readFile(join(reports, (await readdir(reports))[0] ?? ''), 'utf8');
    expect(page).toContain('2 of 2');
    expect(page).toContain(first.cells[0]?.digest);
    expect(page).not.toMatch(/(?:src|href)=/);
  });

  it('plans and shows without a network', async () => {
    const plan = await exec('unshare', ['--net', process.execPath, ...cliArgs('plan', '--json')], {
      cwd,
      maxOutputBytes: 1 << 20,
    });
    expect(JSON.parse(plan.stdout)).toMatchObject({ source: 'lock', cells: [{ phase: 'maintenance' }, {}] });
    const show = await runCli(['show', '24', '--json'], { cwd });
    expect(JSON.parse(show.stdout)).toMatchObject({
      digest: first.cells[0]?.digest,
      platforms: [{ layers: [{}, {}, {}], tests: { result: 'passed' } }],
    });
    expect((await runCli(['show', '24-trixi-runtime'], { cwd })).stderr).toContain('did you mean 24-trixie-runtime?');
  });

  it('refuses to move an alias back, and does it when it is meant', async () => {
    const older = await smallWorkspace(
      (cell) => /^22\..*-trixie/.test(cell),
      (recipe) => recipe.replace('publish: []', `publish: [{ repository: ${repository} }]`),
    );
    const blocked = await run(older, ['run'], 4);
    expect(blocked.cells[0]).toMatchObject({ outcome: 'blocked', reason: expect.stringContaining('which is newer') });
    expect(await digestAt(repository, 'latest')).toBe(first.cells[0]?.digest);
    const meant = await run(older, ['run', '--allow-older']);
    expect(await digestAt(repository, 'latest')).toBe(meant.cells[0]?.digest);
    expect(await digestAt(repository, '24')).toBe(first.cells[0]?.digest);
  });
});

describe('images', () => {
  let cwd: string;
  let repository: string;
  let result: RunJson;
  let store: string;
  const version = async (file: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> => {
    const ran = await exec(file, args, { env: { ...process.env, ...env }, timeoutMs: 120_000 });
    expect(ran.exitCode, `${file} ${args.join(' ')}: ${ran.stderr}`).toBe(0);
    return ran.stdout.trim();
  };
  beforeAll(async () => {
    ({ cwd, repository } = await workspaceFor(only24Trixie));
    result = await run(cwd);
    store = join(cwd, '.nodeworthy/store');
  });

  it('are inspected and copied by skopeo without a change', async () => {
    const inspected = JSON.parse(await version('skopeo', ['inspect', `oci:${store}:24-trixie-runtime`])) as {
      Digest: string;
      Architecture: string;
    };
    expect(inspected).toMatchObject({ Digest: result.cells[0]?.digest, Architecture: 'amd64' });
    const target = await temporaryFolder();
    await version('skopeo', [
      'copy',
      '--all',
      '--preserve-digests',
      '--src-tls-verify=false',
      `docker://${repository}:24`,
      `oci:${target}/copy:24`,
    ]);
    expect(JSON.parse(await version('skopeo', ['inspect', `oci:${target}/copy:24`]))).toMatchObject({
      Digest: result.cells[0]?.digest,
    });
  });

  it('are unpacked by umoci with owners and modes as stated', async () => {
    const target = await temporaryFolder();
    // umoci 0.4 wants a layout with nothing but images.
    await version('skopeo', ['copy', `oci:${store}:24`, `oci:${target}/layout:24`]);
    await version('umoci', ['unpack', '--image', `${target}/layout:24`, `${target}/bundle`]);
    expect(await version('stat', ['-c', '%a %u:%g', `${target}/bundle/rootfs/app`])).toBe('775 1000:0');
    expect(
      await version('chroot', [`${target}/bundle/rootfs`, '/usr/local/bin/node', '--print', 'process.version']),
    ).toMatch(/^v24\./);
  });

  it('run in docker as they are: entrypoint, user, arguments', async () => {
    const docker = await startDocker();
    try {
      const env = { DOCKER_HOST: docker.address };
      await version('skopeo', ['copy', `oci:${store}:24`, `docker-archive:${docker.folder}/image.tar:nodeworthy:24`]);
      await version('/usr/bin/docker', ['load', '--input', join(docker.folder, 'image.tar')], env);
      const run = ['run', '--rm', '--network', 'none', 'nodeworthy:24'];
      expect(
        await version('/usr/bin/docker', [...run, 'node', '--print', 'process.getuid() + " " + process.version'], env),
      ).toMatch(/^1000 v24\./);
      const tested = await runCli(
        ['test', '--json', '--quiet', '--runtime', 'docker', '--store', join(cwd, 'docker-store')],
        { cwd, env },
      );
      expect(tested.exitCode, tested.stderr + tested.stdout).toBe(0);
      expect(JSON.parse(tested.stdout)).toMatchObject({
        cells: [
          { outcome: 'tested', digest: result.cells[0]?.digest, platforms: [{ tests: { passed: 69, failed: 0 } }] },
        ],
      });
      expect(await version('/usr/bin/docker', ['images', '--quiet', 'localhost/nodeworthy-test'], env)).toBe('');
    } finally {
      await docker.stop();
    }
  });

  it('run in podman as they are', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'run'));
    const storage = podmanStorage(folder);
    try {
      await version('podman', [...storage, 'pull', '--quiet', '--tls-verify=false', `${repository}:24`]);
      expect(
        await version('podman', [
          ...storage,
          'run',
          '--rm',
          '--network',
          'none',
          '--ulimit',
          'nofile=1024:1024',
          '--ulimit',
          'nproc=1024:1024',
          `${repository}:24`,
          'node',
          '--print',
          'process.version',
        ]),
      ).toMatch(/^v24\./);
    } finally {
      await exec('podman', [...storage, 'system', 'reset', '--force']);
    }
  });
});

describe('a cell', () => {
  it('that fails a test of the recipe is not published, and holds no other back', async () => {
    const { cwd, repository } = await workspaceFor(only24, (recipe) =>
      recipe.replace('tests: []', 'tests: [{ dockerfile: checks/suite }, { dockerfile: checks/good }]'),
    );
    await mkdir(join(cwd, 'checks/suite'), { recursive: true });
    await mkdir(join(cwd, 'checks/good'), { recursive: true });
    await writeFile(join(cwd, 'checks/suite/Dockerfile'), 'COPY check.mjs /app/\nRUN ["node", "/app/check.mjs"]\n');
    await writeFile(
      join(cwd, 'checks/suite/check.mjs'),
      "import { readFileSync } from 'node:fs';\nif (readFileSync('/etc/os-release', 'utf8').includes('bookworm')) throw new Error('bookworm is not for us');\n",
    );
    await writeFile(
      join(cwd, 'checks/good/Dockerfile'),
      'ENV GREETING=hi\nWORKDIR /app/deep\nUSER 1000:0\nRUN ["node", "-e", "require(\'fs\').writeFileSync(\'/tmp/kept\', process.env.GREETING + process.cwd())"]\nRUN ["node", "-e", "if (require(\'fs\').readFileSync(\'/tmp/kept\', \'utf8\') !== \'hi/app/deep\') process.exit(3)"]\n',
    );
    const result = await run(cwd, ['run'], 4);
    const [trixie, bookworm] = result.cells;
    expect(trixie).toMatchObject({ outcome: 'published', platforms: [{ tests: { passed: 71, failed: 0 } }] });
    expect(bookworm).toMatchObject({
      outcome: 'failed',
      tags: [],
      reason: expect.stringContaining('bookworm is not for us'),
      platforms: [{ tests: { passed: 70, failed: 1 } }],
    });
    expect(await digestAt(repository, '24-bookworm')).toBeNull();
    await everyTag(cwd, repository, result);
    // The candidate did not change: what was stacked on it is gone.
    expect((await run(cwd, ['build'])).cells.map((cell) => cell.digest)).toEqual(
      result.cells.map((cell) => cell.digest),
    );
  });

  it('of another line is not touched when one line gets a new patch', async () => {
    const others = (cell: string): boolean => !only24(cell);
    const { cwd, repository } = await workspaceFor(others);
    const before = await run(cwd);
    const whole = await smallWorkspace(
      () => true,
      (recipe) => recipe.replace('publish: []', `publish: [{ repository: ${repository} }]`),
    );
    await writeFile(join(cwd, 'nodeworthy.lock.json'), await readFile(join(whole, 'nodeworthy.lock.json'), 'utf8'));
    await exec('cp', ['-rn', join(whole, '.nodeworthy/store/blobs'), join(cwd, '.nodeworthy/store/')]);
    const after = await run(cwd);
    expect(after.cells.filter((cell) => others(cell.id)).map((cell) => [cell.id, cell.outcome, cell.digest])).toEqual(
      before.cells.map((cell) => [cell.id, 'unchanged', cell.digest]),
    );
    expect(after.cells.filter((cell) => only24(cell.id)).map((cell) => cell.outcome)).toEqual([
      'published',
      'published',
    ]);
  }, 300_000);
});

describe('a run that is ended', () => {
  it.each([
    ['while it assembles', 'assemble', 200, 'inputs'],
    ['while it tests', ': test', 400, 'layers'],
    ['while it attests', ': attest', 100, 'reports'],
    ['while it publishes', ': publish', 1, 'reports'],
  ] as const)('%s by kill -9 is finished by the next one', async (_, text, delayMs, prepared) => {
    const { cwd, repository } = await workspaceFor(only24Trixie, undefined, prepared);
    let seenAt = 0;
    const ended = await interruptCli(['run'], {
      cwd,
      signal: 'SIGKILL',
      when: (stderr) => {
        if (!stderr.includes(text)) return false;
        seenAt ||= performance.now();
        const until = performance.now() + delayMs;
        while (performance.now() < until);
        return true;
      },
    });
    expect(ended).toMatchObject({ interrupted: true, signal: 'SIGKILL' });
    const result = await run(cwd);
    expect(['published', 'unchanged']).toContain(result.cells[0]?.outcome);
    await everyTag(cwd, repository, result);
    expect((await run(cwd)).cells[0]?.outcome).toBe('unchanged');
    expect((await exec('sh', ['-c', 'grep -c " overlay .*nodeworthy" /proc/mounts || true'])).stdout.trim()).toBe('0');
  });

  it('while it fetches inputs by kill -9 is finished by the next one, with what it had', async () => {
    const cwd = await temporaryFolder();
    const recipe = 'name: x\nnode: { releases: [24] }\nbases: { trixie: { debian: trixie } }\n';
    await writeFile(join(cwd, 'nodeworthy.yaml'), recipe);
    const ended = await interruptCli(['lock'], {
      cwd,
      signal: 'SIGKILL',
      when: (stderr) => stderr.includes('fetched'),
    });
    expect(ended).toMatchObject({ interrupted: true, signal: 'SIGKILL' });
    const blobs = join(cwd, '.nodeworthy/store/blobs/sha256');
    const { digestOf } = await import('../src/core/digest.ts');
    const whole = async (): Promise<string[]> => {
      const names = await readdir(blobs);
      for (const name of names) expect(digestOf(await readFile(join(blobs, name)))).toBe(`sha256:${name}`);
      return names;
    };
    const before = await whole();
    const locked = await runCli(['lock', '--json', '--quiet'], { cwd });
    expect(locked.exitCode, locked.stderr).toBe(0);
    expect(await whole()).toEqual(expect.arrayContaining(before));
    expect((JSON.parse(locked.stdout) as { inputs: unknown[] }).inputs.length).toBeGreaterThan(8);
  });

  it('by Ctrl-C says how to go on', async () => {
    const { cwd } = await workspaceFor(only24Trixie, undefined, 'layers');
    const ended = await interruptCli(['run'], { cwd, signal: 'SIGINT', when: (stderr) => stderr.includes(': test') });
    expect(ended).toMatchObject({
      interrupted: true,
      exitCode: 130,
      stderr: expect.stringContaining('hint: run the same command again'),
    });
    expect((await run(cwd)).cells[0]?.outcome).toBe('published');
  });

  it('between two tags has all of them moved by the next one', async () => {
    const { cwd, repository } = await workspaceFor(only24Trixie);
    const result = await run(cwd);
    const [cell] = result.cells;
    // As if killed after some of its tags: the journal is there, and another one means something else.
    const store = await openLayoutStore(join(cwd, '.nodeworthy/store'));
    const index = await store.getManifest(cell?.digest as Digest);
    const platform = await store.getManifest(cell?.platforms[0]?.digest as Digest);
    const moves = [{ tag: '24' }, { tag: 'lts' }, { tag: 'somebody-elses' }];
    const to = index?.descriptor ?? expect.fail('no index');
    await writeJournal(store, { target: repository, cell: String(cell?.id), environment: 'default', to, moves });
    const [host, ...name] = repository.split('/');
    const put = await fetch(`http://${host}/v2/${name.join('/')}/manifests/24`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      body: platform?.bytes ?? '',
    });
    expect(put.ok).toBe(true);
    await run(cwd);
    expect(await digestAt(repository, '24')).toBe(cell?.digest);
    expect(await digestAt(repository, 'somebody-elses')).toBeNull();
    expect(await readdir(join(store.stateFolder, 'publications'))).toEqual([]);
  });
});

it('two runs at once on one store end with the same images', async () => {
  const { cwd, repository } = await workspaceFor(only24Trixie, undefined, 'inputs');
  const [one, two] = await Promise.all([run(cwd), run(cwd)]);
  expect(one.cells[0]?.digest).toBe(two.cells[0]?.digest);
  await everyTag(cwd, repository, one);
});

function cliArgs(...args: readonly string[]): string[] {
  return [join(import.meta.dirname, '../bin/nodeworthy.mjs'), ...args];
}
