// Every cell of the supported matrix, and every other line by its newest and its first release.
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import semver from 'semver';
import { describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../src/stages/catalog/capabilities.ts';
import { askCgroupV2 } from './support/cgroup-v2.ts';
import { cells, command, workspaceWith, type CellJson } from './support/matrix.ts';
import { preparedStore } from './support/prepared-stores.ts';
import { listReleases, otherLines } from './support/releases.ts';

const releases = await listReleases();
const others = otherLines(releases);

const recipe = (chosen: readonly string[]): string => `name: acme
node:
  releases: [${chosen.map((release) => `"${release}"`).join(', ')}]
  endOfLife: { reason: every line is tried }
bases:
  trixie: { debian: trixie }
  bookworm: { debian: bookworm }
variants: [runtime, slim, build]
# The supported matrix has the default; the other one is tried here.
compression: zstd
`;

const told = (list: readonly CellJson[]): string[] =>
  list.map(({ id, outcome, reason }) => `${id} ${outcome} ${reason ?? ''}`.trim());

it('each cell of the supported matrix is published', { timeout: 1_800_000 }, async () => {
  const prepared = await preparedStore('supported');
  const cwd = await workspaceWith(await readFile(join(prepared, 'nodeworthy.yaml'), 'utf8'), prepared, 'reports');
  await cp(join(prepared, 'nodeworthy.lock.json'), join(cwd, 'nodeworthy.lock.json'));
  const published = await cells(cwd, ['run']);
  expect(published).toHaveLength(36);
  expect(told(published.filter(({ outcome }) => outcome !== 'published'))).toEqual([]);
  for (const { id, platforms } of published) {
    expect(platforms[0]?.tests.failed, id).toBe(0);
    expect(platforms[0]?.tests.passed, id).toBeGreaterThan(60);
  }
});

describe('a line that is not supported any more', () => {
  /** What a release does by itself, whatever image it is in. */
  const properties: Readonly<Record<string, string>> = {
    // Its own decipher refuses what its own cipher made, sometimes.
    '0.8.6': 'crypto/basics: DecipherFinal fail',
    // Positions in files are numbers of 32 bits there.
    '10.0.0': 'large-file: files beyond 4 GiB',
  };

  it(
    'passes with its newest and its first release, each in runtime and in slim or build',
    { timeout: 1_800_000 },
    async () => {
      const chosen = others.flatMap(({ newest, first }) => [newest, first]);
      const cwd = await workspaceWith(recipe(chosen), await preparedStore('supported'));
      await command(cwd, ['lock']);
      const pattern = [
        '*-trixie-runtime',
        // The tools of old releases need the Python of the older suite.
        `{${others.map(({ newest }) => newest).join(',')}}-bookworm-build`,
        `{${others.map(({ first }) => first).join(',')}}-bookworm-slim`,
      ].join(',');
      const tested = await cells(cwd, ['test', '--cells', pattern], 4);
      expect(tested).toHaveLength(4 * others.length);
      const release = ({ id }: CellJson): string => id.slice(0, id.indexOf('-'));
      const failed = tested.filter(({ outcome }) => outcome !== 'tested');
      for (const cell of failed) expect(told([cell])).toEqual([`${cell.id} failed ${properties[release(cell)]}`]);
      // What no check can ask in a container of this machine.
      const followed = await askCgroupV2(cwd);
      expect([...followed.keys()]).toEqual(expect.arrayContaining(chosen.filter((name) => semver.gte(name, '8.0.0'))));
      for (const [name, answer] of followed) expect(capabilitiesOf(name).has('cgroup-v2'), name).toBe(answer);
    },
  );
});
