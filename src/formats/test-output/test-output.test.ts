import { expect, it } from 'vitest';
import { looksLikeJunit, readJunit } from './read-junit.ts';
import { looksLikeTap, readTap } from './read-tap.ts';

it('reads TAP with subtests, directives and a plan', () => {
  const text =
    "TAP version 13\n# Subtest: a\n    ok 1 - inner\n    not ok 2 - bad\n      ---\n      error: 'why not'\n      ...\n    1..2\nnot ok 1 - a\nok 2 - later # SKIP slow\nok 3\n1..4\n";
  expect(looksLikeTap(text)).toBe(true);
  expect(readTap(text)).toEqual({
    cases: [
      { name: 'a > inner', result: 'passed', message: '' },
      { name: 'a > bad', result: 'failed', message: 'why not' },
      { name: 'later', result: 'skipped', message: '' },
      { name: '', result: 'passed', message: '' },
    ],
    missing: 1,
  });
  expect(readTap('1..2\nok 1 - a\nBail out! no more\n').cases.at(-1)).toMatchObject({
    name: 'Bail out',
    result: 'failed',
  });
  expect(looksLikeTap('ok, fine\n')).toBe(false);
  expect(looksLikeTap('not ok 1 - a\nok 2\n')).toBe(true);
  expect(readTap('ok 1\nok 2\n').missing).toBe(1);
  expect(readTap('not ok 1 - ticket #todolist\nnot ok 2 - reads # skipped words\n1..2\n').cases).toMatchObject([
    { name: 'ticket #todolist', result: 'failed' },
    { name: 'reads # skipped words', result: 'failed' },
  ]);
});

it('reads JUnit, and refuses what is no XML', () => {
  const text =
    '<testsuites><testsuite><testcase classname="c" name="a"/><testcase name="b"><failure>first\nsecond</failure></testcase><testcase name="c"><skipped/></testcase><testcase name="d"><failure/><skipped/></testcase></testsuite></testsuites>';
  expect(looksLikeJunit(text)).toBe(true);
  expect(readJunit(text)).toEqual([
    { name: 'c > a', result: 'passed', message: '' },
    { name: 'b', result: 'failed', message: 'first\nsecond' },
    { name: 'c', result: 'skipped', message: '' },
    { name: 'd', result: 'failed', message: '' },
  ]);
  expect(() => readJunit('<testsuites><testcase></testsuites>')).toThrow(SyntaxError);
});
