// Cells that an engine builds from a Dockerfile, and Dockerfiles that make what our cells are.
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadRecipe } from '../src/config/load-recipe.ts';
import { openRuntime } from '../src/runtimes/open-runtime.ts';
import { planLocked } from '../src/pipeline-plan.ts';
import { readLock } from '../src/stages/resolve/lock.ts';
import { batterySuite } from '../src/stages/test/battery/battery-suite.ts';
import { describeCell } from '../src/stages/test/describe-cell.ts';
import { testCandidate } from '../src/stages/test/test-candidate.ts';
import { openLayoutStore } from '../src/store/layout/layout-store.ts';
import { readDockerArchive } from '../src/trees/read-docker-archive.ts';
import { glibcRoot } from './support/base-images.ts';
import { runCli } from './support/cli.ts';
import { startDocker, type Daemon } from './support/daemons.ts';
import { cells, command, readJson, run } from './support/matrix.ts';
import { smallWorkspace, temporaryFolder, testContext } from './support/workspace.ts';

let docker: Daemon;
beforeAll(async () => {
  docker = await startDocker();
}, 60_000);
afterAll(async () => await docker.stop());

/** A build context with a Node.js that runs on what lies beside it. */
async function nodeContext(folder: string, dockerfile: string): Promise<void> {
  for (const [path, content] of Object.entries(glibcRoot())) {
    const target = join(folder, 'root', path);
    await mkdir(join(target, '..'), { recursive: true });
    if (typeof content === 'string') await writeFile(target, content);
    else await cp(content.copy, target, { dereference: true });
  }
  await mkdir(join(folder, 'root/usr/local/bin'), { recursive: true });
  await cp(process.execPath, join(folder, 'root/usr/local/bin/node'), { dereference: true });
  await writeFile(join(folder, 'Dockerfile'), dockerfile);
}

const dockerfile =
  'FROM scratch\nARG GREETING\nCOPY root /\nENV GREETING=$GREETING PATH=/usr/local/bin:/bin\nRUN echo one > /first && echo two > /second\nRUN node -e "require(\'fs\').rmSync(\'/second\')"\nCMD ["node"]\n';

describe('a Dockerfile as a cell', () => {
  it('is built, squashed, frozen, tested on that digest, and published under its aliases; Dante’s inventory is enough', async () => {
    const cwd = await temporaryFolder();
    await nodeContext(join(cwd, 'node'), dockerfile);
    await mkdir(join(cwd, 'check'));
    await writeFile(
      join(cwd, 'check/Dockerfile'),
      'RUN ["node", "-e", "const fs = require(\'fs\'); if (!fs.existsSync(\'/first\') || fs.existsSync(\'/second\')) process.exit(1)"]\n',
    );
    await writeFile(
      join(cwd, 'inventory.yml'),
      'images:\n  - { name: "acme/node:4.2", path: ./node, test: ./check, alias: "acme/node:4" }\n',
    );
    const env = { DOCKER_HOST: docker.address, PATH: `/usr/bin:${process.env['PATH']}` };
    const cli = async (args: readonly string[], exitCode = 0) => {
      const result = await runCli([...args, '--quiet'], { cwd, env });
      expect(result.exitCode, result.stderr + result.stdout).toBe(exitCode);
      return result;
    };
    await cli(['import', 'inventory.yml']);
    const recipe = await readFile(join(cwd, 'nodeworthy.yaml'), 'utf8');
    await writeFile(
      join(cwd, 'nodeworthy.yaml'),
      recipe.replace(
        'dockerfile: ./node',
        'dockerfile: ./node\n    engine: docker\n    squash: true\n    buildArguments: { GREETING: hello }',
      ),
    );
    const { cells: first } = JSON.parse((await cli(['run', '--json'])).stdout) as {
      cells: Awaited<ReturnType<typeof cells>>;
    };
    expect(first).toMatchObject([
      { id: '4.2', outcome: 'published', platforms: [{ platform: 'linux/amd64', tests: { passed: 2, failed: 0 } }] },
    ]);
    expect(first[0]?.tags).toEqual(['4.2-r1', '4.2', '4']);
    const manifest = await readJson(cwd, String(first[0]?.platforms[0]?.digest));
    expect(manifest.layers).toHaveLength(1);
    const config = await readJson<{ config: { Env: string[] } }>(cwd, manifest.config.digest);
    expect(config.config.Env).toContain('GREETING=hello');
    // Frozen: an engine would build other bytes, and is not asked again.
    const again = JSON.parse((await cli(['run', '--json'])).stdout) as typeof JSON & { cells: typeof first };
    expect(again.cells).toMatchObject([{ outcome: 'unchanged', digest: first[0]?.digest }]);
    expect(await run('/usr/bin/docker', ['images', '--quiet', 'localhost/nodeworthy-build'], env)).toBe('');
  });

  it('that fails, has no engine, or does not start Node.js has its own outcome, and holds no other back', async () => {
    const cwd = await temporaryFolder();
    await nodeContext(join(cwd, 'good'), dockerfile);
    for (const name of ['failing', 'nothing', 'elsewhere']) await mkdir(join(cwd, name));
    await writeFile(join(cwd, 'failing/Dockerfile'), 'FROM scratch\nCOPY missing /\n');
    await writeFile(join(cwd, 'nothing/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /x\nCMD ["/x"]\n');
    await writeFile(join(cwd, 'elsewhere/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /x\n');
    await writeFile(
      join(cwd, 'nodeworthy.yaml'),
      `name: acme
images:
  - { name: good, dockerfile: good, engine: docker }
  - { name: failing, dockerfile: failing, engine: docker }
  - { name: nothing, dockerfile: nothing, engine: docker }
  - { name: elsewhere, dockerfile: elsewhere, engine: podman }
  - { name: absent, dockerfile: absent, engine: docker }
`,
    );
    // A podman that does not answer, in front of the real one.
    const bin = await temporaryFolder();
    await writeFile(join(bin, 'podman'), '#!/bin/sh\necho no storage >&2\nexit 125\n');
    await chmod(join(bin, 'podman'), 0o755);
    const env = { DOCKER_HOST: docker.address, PATH: `${bin}:/usr/bin:${process.env['PATH']}` };
    const result = await runCli(['run', '--json', '--quiet'], { cwd, env });
    expect(result.exitCode, result.stderr).toBe(4);
    const { cells: list } = JSON.parse(result.stdout) as { cells: { id: string; outcome: string; reason?: string }[] };
    expect(Object.fromEntries(list.map(({ id, outcome, reason }) => [id, [outcome, reason]]))).toEqual({
      good: ['published', undefined],
      failing: ['error', expect.stringMatching(/failing\/Dockerfile: the build failed with docker: .*missing/)],
      nothing: ['failed', expect.stringMatching(/^starts: /)],
      elsewhere: ['error', expect.stringContaining('podman: no storage')],
      absent: ['error', 'images: absent: there is no Dockerfile at absent'],
    });
  });
});

describe('a cell as a Dockerfile', () => {
  it(
    'builds with docker to the same file system and configuration, and passes the same tests',
    { timeout: 300_000 },
    async () => {
      const cwd = await smallWorkspace((cell) => /^24\..*-trixie/.test(cell));
      const target = join(await temporaryFolder(), 'context');
      await command(cwd, ['dockerfile', '24', '--output', target]);
      const text = await readFile(join(target, 'Dockerfile'), 'utf8');
      expect(text).toMatch(/^# Generated with `nodeworthy dockerfile 24\.\S+-trixie-runtime`/);
      await command(cwd, ['dockerfile', '24', '--output', target]);
      expect(await readFile(join(target, 'Dockerfile'), 'utf8')).toBe(text);

      const env = { DOCKER_HOST: docker.address };
      await run('/usr/bin/docker', ['build', '--network', 'none', '--quiet', '--tag', 'acme:generated', target], env);
      const archive = join(docker.folder, 'generated.tar');
      await run('/usr/bin/docker', ['save', '--output', archive, 'acme:generated'], env);
      const store = await openLayoutStore(join(cwd, '.nodeworthy/store'));
      const manifest = await readDockerArchive(store, archive, {
        folder: await temporaryFolder(),
        compression: 'gzip',
      });
      const loaded = await loadRecipe(join(cwd, 'nodeworthy.yaml'), new Date());
      const lock = (await readLock(join(cwd, 'nodeworthy.lock.json'))) ?? expect.fail('no lock');
      const context = testContext();
      const [cell] = planLocked({ loaded, lock, context });
      if (!cell) return expect.fail('no cell');
      const runtime = await openRuntime('runc', process.env);
      // An engine writes no labels but those of the Dockerfile, and its own order of the rest is no matter.
      const described = describeCell({ lock, loaded, context: testContext() }, cell);
      try {
        const candidate = {
          cell: cell.id,
          index: manifest,
          platforms: [{ platform: 'linux/amd64', manifest, sizeBytes: 0, layers: [] }],
          blobs: [],
          reused: false,
        };
        const [tested] = await testCandidate(store, candidate, context, {
          suitesFor: () => [batterySuite(described)],
          failFast: false,
          retries: 0,
          cache: { readable: false, keep: 'failed' },
          runtime: () => Promise.resolve(runtime),
          parallel: 2,
        });
        expect(tested?.report.cases.filter(({ result }) => result === 'failed')).toEqual([]);
        expect(tested?.report.result).toBe('passed');
      } finally {
        await runtime.close();
      }
      const built = await cells(cwd, ['build']);
      const ours = await readJson(cwd, String(built[0]?.platforms[0]?.digest));
      const theirs = await readJson(cwd, manifest.digest);
      const configOf = async (document: typeof ours) =>
        (await readJson<{ config: Record<string, unknown> }>(cwd, document.config.digest)).config;
      const { Cmd, Entrypoint, Env, Labels, StopSignal, User, WorkingDir } = await configOf(ours);
      expect(await configOf(theirs)).toMatchObject({ Cmd, Entrypoint, Env, Labels, StopSignal, User, WorkingDir });
    },
  );

  it('is refused for a cell that is not there, or a folder with other things', async () => {
    const cwd = await smallWorkspace((cell) => /^24\..*-trixie/.test(cell));
    expect((await command(cwd, ['dockerfile', '24-trixi'], 2)).stderr).toContain('did you mean 24-trixie');
    expect((await command(cwd, ['dockerfile', '24', '--output', '.'], 2)).stderr).toContain('has other files in it');
  });
});
