import fc from 'fast-check';
import semver from 'semver';
import { describe, expect, it } from 'vitest';
import { planCells } from './plan-cells.ts';

function plan(releases: readonly string[], day = '2026-11-21', bases = ['trixie', 'bookworm']) {
  return planCells({
    releases: releases.map((release) => ({ release, platforms: ['linux/amd64'] })),
    bases,
    variants: ['runtime'],
    now: new Date(`${day}T12:00:00Z`),
  });
}

function ownerOf(cells: ReturnType<typeof plan>, tag: string): string | undefined {
  return cells.find((cell) => cell.aliases.includes(tag))?.id;
}

describe('aliases', () => {
  it('gives a cell every name people expect, most specific first', () => {
    const [cell] = plan(['24.21.0'], '2026-11-21', ['trixie']);
    expect(cell?.aliases).toEqual([
      ...['24.21.0', '24.21', '24', 'krypton', 'lts-krypton', 'lts', 'current', 'latest'].map(
        (stem) => `${stem}-trixie-runtime`,
      ),
      ...['24.21.0', '24.21', '24', 'krypton', 'lts-krypton', 'lts', 'current', 'latest'].map(
        (stem) => `${stem}-trixie`,
      ),
      ...['24.21.0', '24.21', '24', 'krypton', 'lts-krypton', 'lts', 'current', 'latest'].map(
        (stem) => `${stem}-runtime`,
      ),
      ...['24.21.0', '24.21', '24', 'krypton', 'lts-krypton', 'lts', 'current', 'latest'],
    ]);
  });

  it.each([
    [['0.12.9', '0.12.15'], '0.12', '0.12.15'],
    [['5.9.1', '5.12.0'], '5', '5.12.0'],
    [['4.9.1', '4.10.0'], '4', '4.10.0'],
    [['24.9.0', '24.10.0', '24.21.0'], '24', '24.21.0'],
  ])('compares numbers, not text: of %j, %s is %s', (releases, tag, expected) => {
    expect(ownerOf(plan(releases), tag)).toBe(`${expected}-trixie-runtime`);
  });

  it.each([
    ['2026-10-27', '24.21.0', '26.10.0'],
    ['2026-10-28', '26.10.0', '26.10.0'],
    ['2026-10-29', '26.10.0', '26.10.0'],
    ['2027-05-02', '26.10.0', '26.10.0'],
  ])('on %s lts is %s and latest is %s', (day, lts, latest) => {
    const cells = plan(['22.23.3', '24.21.0', '26.10.0'], day);
    expect(ownerOf(cells, 'lts')).toBe(`${lts}-trixie-runtime`);
    expect(ownerOf(cells, 'latest')).toBe(`${latest}-trixie-runtime`);
    expect(ownerOf(cells, 'current')).toBe(`${latest}-trixie-runtime`);
  });

  it('takes lts and the code name from a line past its end', () => {
    const cells = plan(['22.23.3'], '2027-05-02');
    expect(ownerOf(cells, 'lts')).toBeUndefined();
    expect(ownerOf(cells, 'jod')).toBeUndefined();
    expect(ownerOf(cells, '22')).toBe('22.23.3-trixie-runtime');
  });

  it('holds its rules for any set of releases on any day', () => {
    const release = fc
      .tuple(fc.integer({ min: 18, max: 27 }), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 12 }))
      .map((parts) => parts.join('.'));
    const day = fc.date({ min: new Date('2023-06-01'), max: new Date('2028-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.uniqueArray(release, { minLength: 1, maxLength: 8 }), day, (releases, now) => {
        const cells = plan(releases, now.toISOString().slice(0, 10));
        const owners = new Map<string, string>();
        for (const cell of cells) {
          for (const tag of cell.aliases) {
            // A tag belongs to one cell.
            expect(owners.has(tag)).toBe(false);
            owners.set(tag, cell.release);
            expect(tag.length).toBeLessThan(128);
            const [version] = /^\d+(?:\.\d+){0,2}(?=-|$)/.exec(tag) ?? [];
            if (version === undefined) continue;
            // The tag's numbers are the release's, and no newer planned release matches them.
            expect(`${cell.release}.`.startsWith(`${version}.`)).toBe(true);
            for (const other of releases)
              if (`${other}.`.startsWith(`${version}.`)) expect(semver.gte(cell.release, other)).toBe(true);
          }
          // The full name is always there.
          expect(cell.aliases[0]).toBe(cell.id);
        }
        for (const base of ['trixie', 'bookworm']) {
          const stems = ['lts', 'latest', 'current', '24'].filter((stem) => owners.has(`${stem}-${base}`));
          for (const stem of stems) if (base === 'trixie') expect(owners.get(stem)).toBe(owners.get(`${stem}-${base}`));
        }
      }),
    );
  });
});
