import { expect, it } from 'vitest';
import { matchesGlob } from './glob.ts';

it.each([
  ['24.*', '24.21.0-trixie-slim', true],
  ['24.*', '124.1.0-trixie', false],
  ['*-slim', '24.21.0-trixie-slim', true],
  ['*-{slim,build}', '24.21.0-trixie-build', true],
  ['*-{slim,build}', '24.21.0-trixie-runtime', false],
  ['22.*, 24.*', '24.1.0-x', true],
  ['*,!*-build', '24.1.0-trixie-build', false],
  ['!*-build', '24.1.0-trixie-slim', true],
  ['24.1?.0-*', '24.10.0-x', true],
  ['24.1.0', '24x1y0', false],
  ['a+b(c)', 'a+b(c)', true],
  ['*', '', true],
  ['**a**', 'bab', true],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['{a,b{c,d}}x', 'bdx', true],
  ['{a,b', 'b', true],
  ['a}', 'a}', true],
  ['{a,b},c', 'c', true],
  ['?', '🙂', true],
  [`${'*a'.repeat(2000)}X`, 'a'.repeat(20_000), false],
])('%.60s against %.60s is %s', (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected);
});

it('says of braces that multiply without end that they are too many', () => {
  expect(() => matchesGlob('!' + '{a,b}'.repeat(50), 'a'.repeat(50))).toThrow(/means more than 1000 names/);
});
