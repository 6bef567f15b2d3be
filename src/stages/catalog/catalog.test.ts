import { describe, expect, it } from 'vitest';
import { debianSuites, findSuite } from './debian-suites.ts';
import { isLts, lineName, lineOf, lineOfRelease, phaseOf, releaseLines, type ReleaseLine } from './release-lines.ts';
import { selectReleases } from './select-releases.ts';

const at = (day: string): Date => new Date(`${day}T00:00:00Z`);
const line = (major: number): ReleaseLine => lineOf(major) ?? expect.fail(`no line ${major}`);
const available = [
  '20.20.2',
  '22.9.0',
  '22.23.3',
  '22.23.2',
  '24.21.0',
  '24.9.0',
  '25.9.0',
  '26.10.0',
  '26.2.0',
  '27.0.0-rc.1',
  'garbage',
];
const select = (selectors: (string | number)[], day: string): string[] =>
  selectReleases(selectors, available, { now: at(day), source: 'the test' });

describe('phaseOf', () => {
  it.each([
    [24, '2025-05-05', 'pending'],
    [24, '2025-05-06', 'current'],
    [24, '2025-10-27', 'current'],
    [24, '2025-10-28', 'active-lts'],
    [24, '2026-10-20', 'maintenance'],
    [24, '2028-04-29', 'maintenance'],
    [24, '2028-04-30', 'end-of-life'],
    [26, '2026-10-27', 'current'],
    [26, '2026-10-28', 'active-lts'],
  ])('line %i on %s is %s', (major, day, phase) => {
    expect(phaseOf(line(major), at(day))).toBe(phase);
  });

  it('knows code names in lower case', () => {
    expect(line(24).codename).toBe('krypton');
    expect(releaseLines.filter((known) => isLts(known, at('2026-11-21'))).map((known) => known.major)).toEqual([
      22, 24, 26,
    ]);
  });
});

describe('selectReleases', () => {
  it.each<[(string | number)[], string, string[]]>([
    [['lts', 'current'], '2026-11-21', ['26.10.0', '24.21.0', '22.23.3']],
    [['lts'], '2026-10-27', ['24.21.0', '22.23.3']],
    [['lts'], '2026-10-28', ['26.10.0', '24.21.0', '22.23.3']],
    [['current'], '2026-10-29', ['26.10.0']],
    [['current'], '2027-05-02', ['26.10.0']],
    [['maintenance'], '2026-11-21', ['24.21.0', '22.23.3']],
    [['supported'], '2026-05-10', ['26.10.0', '25.9.0', '24.21.0', '22.23.3']],
    [[24], '2026-11-21', ['24.21.0']],
    [['24.x', '24'], '2026-11-21', ['24.21.0']],
    [['>=22 <25'], '2026-11-21', ['24.21.0']],
    [['22.9.0'], '2026-11-21', ['22.9.0']],
    [['v22.9.0'], '2026-11-21', ['22.9.0']],
    [['Krypton', 'jod'], '2026-11-21', ['24.21.0', '22.23.3']],
    [[20], '2026-11-21', ['20.20.2']],
  ])('%j on %s', (selectors, day, expected) => {
    expect(select(selectors, day)).toEqual(expected);
  });

  it.each<[string, RegExp]>([
    ['24.99.0', /newest release of line 24 there is 24\.21\.0/],
    ['19.0.0', /whole line does not exist/],
    ['27', /newest release there is 26\.10\.0/],
    ['kripton', /did you mean krypton/],
    ['nonsense!', /write a version/],
  ])('%s is refused with advice', (selector, hint) => {
    expect(() => select([selector], '2026-11-21')).toThrow(
      expect.objectContaining({ code: 'SELECTION_EMPTY', hint: expect.stringMatching(hint) }),
    );
  });
});

it('findSuite suggests what was meant', () => {
  expect(findSuite('trixie', 'x').endOfLife > '2026-11-21').toBe(true);
  expect(() => findSuite('trixy', 'x')).toThrow(expect.objectContaining({ hint: 'did you mean trixie?' }));
  expect(debianSuites.every((suite) => /^\d{4}-\d\d-\d\d$/.test(suite.endOfLife))).toBe(true);
});

describe('a line for development before 4', () => {
  it.each([
    ['0.11.15', '0.11', '2015-02-06'],
    ['0.9.12', '0.9', '2013-03-11'],
  ])('%s is of %s, over since %s', (release, name, end) => {
    const line = lineOfRelease(release);
    expect(line && [lineName(line), line.end, phaseOf(line, new Date('2026-11-21'))]).toEqual([
      name,
      end,
      'end-of-life',
    ]);
  });
});
