import { expect, it } from 'vitest';
import { compareLibraryNames } from './write-cache.ts';

it.each([
  ['libc.so.6', 'libc.so.6', 0],
  ['libstdc++.so.6', 'libstdc++.so.10', -1],
  ['libm.so.6', 'libmvec.so.1', -1],
  ['lib1.so', 'liba.so', 1],
])('compareLibraryNames(%s, %s)', (a, b, expected) => {
  expect(Math.sign(compareLibraryNames(a, b))).toBe(expected);
});
