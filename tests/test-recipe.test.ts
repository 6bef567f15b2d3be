// Tests that a recipe names: for which images, within which time, over which network, and what becomes of their layers.
import { createServer } from 'node:http';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTests, selectTests } from '../src/stages/test/kinds/load-tests.ts';
import { cells, command, readJson } from './support/matrix.ts';
import { smallWorkspace, temporaryFolder } from './support/workspace.ts';

/** The 24 runtime cell of the quickstart with tests of its own. */
async function workspace(tests: string, files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = await smallWorkspace(
    (cell) => /^24\..*-trixie/.test(cell),
    (recipe) => recipe.replace(/^tests: \[\].*$/m, `tests:\n${tests}`),
    'layers',
  );
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(cwd, path, '..'), { recursive: true });
    await writeFile(join(cwd, path), text);
    if (path.endsWith('.sh')) await chmod(join(cwd, path), 0o755);
  }
  return cwd;
}

const node = (code: string): string => JSON.stringify(['/usr/local/bin/node', '-e', code]);

interface ReportJson {
  readonly result: string;
  readonly suites: readonly { id: string; origin: string; kind: string }[];
  readonly cases: readonly { id: string; suite: string; result: string; layers: { diffId?: string }[] }[];
}

async function reportOf(cwd: string, digest: string): Promise<ReportJson> {
  const index = JSON.parse(await readFile(join(cwd, '.nodeworthy/store/index.json'), 'utf8')) as {
    manifests: { digest: string; artifactType?: string }[];
  };
  for (const { digest: referrer } of index.manifests) {
    const manifest = await readJson<{
      subject?: { digest: string };
      layers?: { digest: string; mediaType: string }[];
      artifactType?: string;
    }>(cwd, referrer);
    const isReport = manifest.artifactType === 'application/vnd.nodeworthy.test-report.v1+json';
    if (isReport && manifest.subject?.digest === digest && manifest.layers?.[0])
      return await readJson<ReportJson>(cwd, manifest.layers[0].digest);
  }
  return expect.fail(`no report on ${digest}`);
}

describe('tests of a recipe', () => {
  it(
    'run beside the battery, say whose they are, and leave no layer that a published manifest knows',
    { timeout: 120_000 },
    async () => {
      const cwd = await workspace(
        '  - path: smoke\n  - { path: canary:all }\n  - { path: api.yaml, variants: [slim] }\n',
        {
          'smoke/Dockerfile': `COPY file.txt /data/file.txt\nRUN ${node("require('fs').writeFileSync('/tmp/made', 'x')")}\nRUN ${node("require('fs').readFileSync('/data/file.txt')")}\n`,
          'smoke/file.txt': 'x',
          'api.yaml': 'runs:\n  - { name: needs a shell, command: [sh, -c, "true"] }\n',
        },
      );
      const [cell] = await cells(cwd, ['run']);
      expect(cell).toMatchObject({ outcome: 'published' });
      const platform = String(cell?.platforms[0]?.digest);
      const report = await reportOf(cwd, platform);
      expect(report.suites.map(({ id, origin, kind }) => `${id} ${origin} ${kind}`)).toEqual([
        'nodeworthy-runtime vendor battery',
        'smoke client dockerfile',
        'canary-express vendor application',
        'canary-fastify vendor application',
        'canary-pg vendor application',
        'canary-sharp vendor application',
      ]);
      const made = report.cases.flatMap(({ layers }) => layers.flatMap(({ diffId }) => diffId ?? []));
      expect(made.length).toBeGreaterThan(3);
      // Everything that any tag, candidate or referrer leads to.
      const reachable = new Set<string>();
      async function walk(digest: string): Promise<void> {
        if (reachable.has(digest)) return;
        reachable.add(digest);
        const document = await readJson<{
          manifests?: { digest: string }[];
          config?: { digest: string; mediaType: string };
          layers?: { digest: string }[];
        }>(cwd, digest);
        for (const child of document.manifests ?? []) await walk(child.digest);
        for (const layer of document.layers ?? []) reachable.add(layer.digest);
        if (document.config?.mediaType.includes('image.config')) {
          const { rootfs } = await readJson<{ rootfs: { diff_ids: string[] } }>(cwd, document.config.digest);
          for (const diffId of rootfs.diff_ids) reachable.add(diffId);
        }
      }
      const index = JSON.parse(await readFile(join(cwd, '.nodeworthy/store/index.json'), 'utf8')) as {
        manifests: { digest: string }[];
      };
      for (const { digest } of index.manifests) await walk(digest);
      expect(reachable.size).toBeGreaterThan(8);
      expect(made.filter((diffId) => reachable.has(diffId))).toEqual([]);
      // A test that changes is asked again, and one that fails holds the tags back.
      await writeFile(join(cwd, 'smoke/file.txt'), 'changed');
      await writeFile(
        join(cwd, 'smoke/Dockerfile'),
        `COPY file.txt /x\nRUN ${node("if (String(require('fs').readFileSync('/x')) !== 'x') throw new Error('another file')")}\n`,
      );
      const [failed] = await cells(cwd, ['run'], 4);
      expect(failed).toMatchObject({ outcome: 'failed' });
      expect(failed?.reason).toMatch(/smoke: line 2: exit code 1: .*another file/);
    },
  );

  it('end in their time, and reach the hosts that they are allowed and no other', { timeout: 120_000 }, async () => {
    const server = createServer((_, response) => response.end('from outside'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const get = (host: string): string =>
      `fetch('http://${host}/').then((r) => r.text()).then(console.log, (e) => console.log(e.cause.code))`;
    try {
      const cwd = await workspace(
        `  - { path: slow, stepTimeoutSeconds: 1 }\n  - { path: net.yaml, hosts: ["localhost:${port}"] }\n`,
        {
          'slow/Dockerfile': `RUN ${node('setInterval(() => {}, 1000)')}\n`,
          'net.yaml': `runs:\n  - { name: allowed, command: ${JSON.stringify(['node', '-e', get(`localhost:${port}`)])}, expect: { stdout: from outside } }\n  - { name: other port, command: ${JSON.stringify(['node', '-e', get(`localhost:${port + 1}`)])}, expect: { stdout: ECONNREFUSED } }\n  - { name: other host, command: ${JSON.stringify(['node', '-e', get('192.0.2.1')])}, expect: { stdout: ENETUNREACH } }\n`,
        },
      );
      const [cell] = await cells(cwd, ['test', '--filter', '{slow,net}/*'], 4);
      expect(cell?.reason).toBe('slow: line 1: did not end within 1 s');
      expect(cell?.platforms[0]?.tests).toMatchObject({ passed: 3, failed: 1 });
    } finally {
      server.close();
    }
  });

  it('that are flaky hold the tags back', { timeout: 120_000 }, async () => {
    const cwd = await workspace('  - { path: flaky.json, retries: 1 }\n', {});
    const options = { bindMounts: [`${cwd}/counted:/counted`], user: '0' };
    await mkdir(join(cwd, 'counted'));
    await chmod(join(cwd, 'counted'), 0o777);
    const code =
      "const fs = require('fs'); if (!fs.existsSync('/counted/x')) { fs.writeFileSync('/counted/x', ''); process.exit(1); }";
    await writeFile(
      join(cwd, 'flaky.json'),
      JSON.stringify({
        schemaVersion: '2.0.0',
        containerRunOptions: options,
        commandTests: [{ name: 'second', command: 'node', args: ['-e', code] }],
      }),
    );
    const [cell] = await cells(cwd, ['run'], 4);
    expect(cell).toMatchObject({ outcome: 'failed', tags: [] });
    expect(cell?.reason).toMatch(/second: flaky: passed on attempt 2/);
  });

  it('with mistakes say where', async () => {
    const cwd = await workspace('  - { path: none }\n', {});
    expect((await command(cwd, ['test'], 2)).stderr).toMatch(/tests: there is nothing at none/);
    const both = await workspace('  - { path: a, dockerfile: b }\n', {});
    expect((await command(both, ['test'], 2)).stderr).toMatch(
      /nodeworthy\.yaml:\d+:\d+: tests\.0: name either a path or a dockerfile/,
    );
  });
});

it('tests are chosen by variant, base, version and platform', async () => {
  const root = await temporaryFolder();
  for (const name of ['a', 'b', 'c', 'd']) await writeFile(join(root, `${name}.sh`), '#!/bin/sh\n', { mode: 0o755 });
  const entry = { retries: 0, hosts: [], arguments: {} };
  const loaded = await loadTests(
    [
      { ...entry, path: 'a.sh', variants: ['slim'] },
      { ...entry, path: 'b.sh', versions: '>=24 <26' },
      { ...entry, path: 'c.sh', bases: ['trixie'], platforms: ['linux/arm64'] },
      { ...entry, path: 'd.sh' },
      { ...entry, path: 'd.sh', name: 'a', variants: ['build'] },
    ],
    { root, env: {} },
  );
  const chosen = (release: string, base: string, variant: string, platform: string): string =>
    selectTests(loaded, { release, base, variant }, platform)
      .map(({ suite }) => suite.id)
      .join(' ');
  expect(chosen('24.21.0', 'trixie', 'slim', 'linux/arm64')).toBe('a b c d');
  expect(chosen('26.1.0', 'trixie', 'runtime', 'linux/amd64')).toBe('d');
  expect(chosen('24.0.0', 'bookworm', 'build', 'linux/arm64')).toBe('b d a');
  await expect(
    loadTests(
      [
        { ...entry, path: 'a.sh' },
        { ...entry, path: 'b.sh', name: 'a' },
      ],
      { root, env: {} },
    ),
  ).rejects.toThrow(/another test with the name a/);
  await expect(loadTests([{ ...entry, path: 'a.sh', versions: 'new' }], { root, env: {} })).rejects.toThrow(
    /"new" is no range/,
  );
  await expect(
    loadTests(
      [
        { ...entry, path: 'canary:pg' },
        { ...entry, path: 'canary:all' },
      ],
      { root, env: {} },
    ),
  ).rejects.toThrow(/another test with the name canary-pg/);
});
