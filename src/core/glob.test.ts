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
])('%s against %s is %s', (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected);
});
