import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../tests/support/workspace.ts';
import { parseControl } from './control.ts';
import { readDeb } from './read-deb.ts';
import { parseRelations } from './relations.ts';
import { compareDebianVersions, satisfiesRelation } from './version.ts';

describe('compareDebianVersions', () => {
  it.each([
    ['1.0', '1.0', 0],
    ['1:0.1', '9.9', 1],
    ['1.0~rc1', '1.0', -1],
    ['1.0~~', '1.0~', -1],
    ['2.36-9+deb12u9', '2.36-9+deb12u14', -1],
    ['0.19.0-1+b3', '0.19.0-1', 1],
    ['1.0-1', '1.0-1.1', -1],
    ['1.0a', '1.0+', -1],
    ['0.12.15', '0.12.9', 1],
    ['007', '7', 0],
    ['1.0-0', '1.0', 0],
  ])('orders %s and %s', (a, b, expected) => {
    expect(Math.sign(compareDebianVersions(a, b))).toBe(expected);
    expect(Math.sign(compareDebianVersions(b, a))).toBe(-expected + 0);
  });

  it('agrees with dpkg on versions nobody thought of', () => {
    const part = fc.stringMatching(/^[0-9][0-9a-zA-Z.+~]{0,8}$/);
    const version = fc
      .tuple(fc.option(fc.nat(3)), part, fc.option(part))
      .map(
        ([epoch, upstream, revision]) =>
          `${epoch === null ? '' : `${epoch}:`}${upstream}${revision === null ? '' : `-${revision}`}`,
      );
    fc.assert(
      fc.property(version, version, (a, b) => {
        const isLess = spawnSync('dpkg', ['--compare-versions', a, 'lt', b]).status === 0;
        const isEqual = spawnSync('dpkg', ['--compare-versions', a, 'eq', b]).status === 0;
        return Math.sign(compareDebianVersions(a, b)) === (isEqual ? 0 : isLess ? -1 : 1);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['2.41-12', '>>', '2.41', true],
    ['2.41-12', '<<', '2.42', true],
    ['1.1.1', '>=', '1.1.1', true],
    ['14.2.0-19', '=', '14.2.0-18', false],
  ] as const)('%s %s %s is %s', (version, relation, wanted, expected) => {
    expect(satisfiesRelation(version, relation, wanted)).toBe(expected);
  });
});

describe('parseControl', () => {
  it('reads stanzas, continuation lines and comments', () => {
    const [first, second] = parseControl(
      'Package: a\n# note\nDescription: one\n two\n .\n three\n\n\nPACKAGE: b\n',
      'x',
    );
    expect(first?.get('description')).toBe('one\ntwo\n\nthree');
    expect(second?.get('package')).toBe('b');
  });

  it('says which line is none', () => {
    expect(() => parseControl('<html>no</html>', 'Packages')).toThrow(/Packages: "<html>no/);
  });
});

it('parseRelations reads alternatives, versions and qualifiers', () => {
  expect(parseRelations('debconf (>= 0.5) | debconf-2.0, libc6:any (<< 2.42), perl', 'x')).toEqual([
    [{ name: 'debconf', relation: '>=', version: '0.5' }, { name: 'debconf-2.0' }],
    [{ name: 'libc6', relation: '<<', version: '2.42' }],
    [{ name: 'perl' }],
  ]);
});

describe('readDeb', () => {
  async function makeDeb(compression: string): Promise<Buffer> {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'p', 'DEBIAN'), { recursive: true });
    await mkdir(join(folder, 'p', 'usr', 'bin'), { recursive: true });
    await writeFile(
      join(folder, 'p', 'DEBIAN', 'control'),
      'Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: d\n',
    );
    await writeFile(join(folder, 'p', 'usr', 'bin', 'demo'), 'data');
    execFileSync('dpkg-deb', [
      '--root-owner-group',
      `-Z${compression}`,
      '-b',
      join(folder, 'p'),
      join(folder, 'demo.deb'),
    ]);
    return await readFile(join(folder, 'demo.deb'));
  }

  it.each(['gzip', 'xz', 'zstd', 'none'])('reads what dpkg-deb made with %s', async (compression) => {
    const deb = await readDeb(await makeDeb(compression), 'demo');
    expect(deb.control.get('control')).toContain('Package: demo');
    const paths: string[] = [];
    for await (const { entry } of deb.data({ name: 'demo', maxEntries: 10, maxTotalBytes: 1 << 20 }))
      paths.push(entry.path);
    expect(paths).toEqual(['usr', 'usr/bin', 'usr/bin/demo']);
  });

  it('notices a package that is cut short', async () => {
    const bytes = await makeDeb('xz');
    await expect(readDeb(bytes.subarray(0, bytes.length - 40), 'demo')).rejects.toMatchObject({
      code: 'INTEGRITY',
      message: expect.stringContaining('cut short'),
    });
  });

  it('notices something that is no package', async () => {
    await expect(readDeb(Buffer.from('<!doctype html>'), 'demo')).rejects.toMatchObject({
      code: 'INTEGRITY',
      message: expect.stringContaining('not a Debian package'),
    });
  });
});
