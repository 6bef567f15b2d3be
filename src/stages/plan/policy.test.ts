import { expect, it } from 'vitest';
import { comparePlan } from './compare-plan.ts';
import { planCells, type PlanInput } from './plan-cells.ts';

const now = new Date('2026-11-21T12:00:00Z');

function plan(releases: readonly string[], more: Partial<PlanInput> = {}) {
  return planCells({
    releases: releases.map((release) => ({ release, platforms: ['linux/amd64'] })),
    bases: ['trixie', 'bookworm'],
    variants: ['runtime', 'slim'],
    now,
    ...more,
  });
}

const ownerOf = (cells: ReturnType<typeof plan>, tag: string): string | undefined =>
  cells.find((cell) => cell.aliases.includes(tag))?.id;

it('gives each cell the support people may expect on this day', () => {
  const cells = plan(['18.20.8', '22.23.3', '24.21.0', '25.9.0', '26.10.0'], {
    isExperimental: ({ release }) => release.startsWith('26.'),
  });
  const classes = Object.fromEntries(cells.map((cell) => [cell.release, cell.supportClass]));
  expect(classes).toEqual({
    '18.20.8': 'archived',
    '22.23.3': 'certified',
    '24.21.0': 'certified',
    '25.9.0': 'archived',
    '26.10.0': 'experimental',
  });
  expect(plan(['26.10.0'], { now: new Date('2026-06-01') })[0]?.supportClass).toBe('maintained');
});

it('gives an experiment its full name and nothing that others follow', () => {
  const cells = plan(['24.21.0', '26.10.0'], {
    bases: ['sid', 'trixie'],
    experimentalBases: ['sid'],
    isExperimental: ({ release }) => release.startsWith('26.'),
  });
  for (const cell of cells.filter(({ id }) => /^26|sid/.test(id))) expect(cell.aliases).toEqual([cell.id]);
  expect(ownerOf(cells, 'latest')).toBe('24.21.0-trixie-runtime');
  expect(ownerOf(cells, '24')).toBe('24.21.0-trixie-runtime');
});

it('follows the tag policy: base, base of a line, variant, and which aliases there are', () => {
  const cells = plan(['22.23.3', '24.21.0'], {
    defaultBase: 'trixie',
    lineBases: { 22: 'bookworm' },
    defaultVariant: 'slim',
    aliases: ['major', 'lts'],
  });
  expect(ownerOf(cells, '24')).toBe('24.21.0-trixie-slim');
  expect(ownerOf(cells, '22')).toBe('22.23.3-bookworm-slim');
  expect(ownerOf(cells, '22-trixie')).toBe('22.23.3-trixie-slim');
  expect(ownerOf(cells, '24.21')).toBeUndefined();
  expect(ownerOf(cells, '24.21.0')).toBe('24.21.0-trixie-slim');
  expect(ownerOf(cells, 'latest')).toBeUndefined();
});

it('refuses a recipe in which a tag would mean two images', () => {
  expect(() => plan(['24.21.0'], { bases: ['trixie', 'slim'] })).toThrow(
    expect.objectContaining({
      code: 'RECIPE_INVALID',
      message: expect.stringMatching(/^the tag \S+ would mean two images: 24\.21\.0-\S+ and 24\.21\.0-\S+$/),
    }),
  );
});

it('compares a plan with what is published', () => {
  const cells = plan(['24.21.0', '24.20.0'], { bases: ['trixie'], variants: ['runtime'] });
  const published = [
    { tag: '24.20.0-trixie-runtime', cell: '24.20.0-trixie-runtime' },
    { tag: '24', cell: '24.20.0-trixie-runtime' },
    { tag: '20', cell: '20.1.0-trixie-runtime' },
    { tag: '20.1.0-trixie-runtime-r1', cell: '20.1.0-trixie-runtime' },
  ];
  const { added, moved, removed } = comparePlan(cells, published);
  expect(added).toEqual(['24.21.0-trixie-runtime']);
  expect(moved).toContainEqual({ tag: '24.20.0', from: undefined, to: '24.20.0-trixie-runtime' });
  expect(removed).toEqual([{ cell: '20.1.0-trixie-runtime', tags: ['20'] }]);
});

it('plans 700 cells, each named once', () => {
  const releases = Array.from({ length: 12 }, (_, index) => `${18 + 2 * Math.floor(index / 3)}.${index % 3}.0`);
  const bases = Array.from({ length: 20 }, (_, index) => `base${index}`);
  const cells = plan(releases, { bases, variants: ['runtime', 'slim', 'build'] });
  expect(cells).toHaveLength(720);
  const tags = cells.flatMap(({ aliases }) => aliases);
  expect(new Set(tags).size).toBe(tags.length);
});
