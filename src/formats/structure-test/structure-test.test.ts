import { describe, expect, it } from 'vitest';
import { expandGo, findsPattern, goMode } from './go-text.ts';
import { readStructureTest } from './read-structure-test.ts';

// Semantics: container-structure-test v1.19, `pkg/types/v2`, with yaml.v2 and Go's `os.Expand`, `regexp`, `FileMode.String`.
describe('YAML', () => {
  it('takes the source text where a field is text, YAML 1.1 where it is a truth, and its own defaults', () => {
    const test = readStructureTest(
      'schemaVersion: 2.0.0\nmetadataTest:\n  envVars:\n    - { key: A, value: 1.10 }\n    - { key: B, value: yes, isRegex: on }\nfileExistenceTests:\n  - { name: x, path: /x, shouldExist: no }\n  - { name: y, path: /y }\n',
      'a.yaml',
    );
    expect(test.metadataTest?.envVars).toEqual([
      { key: 'A', value: '1.10', isRegex: false },
      { key: 'B', value: 'yes', isRegex: true },
    ]);
    expect(test.fileExistenceTests).toMatchObject([
      { shouldExist: false, uid: -1, gid: -1 },
      { shouldExist: true, uid: -1 },
    ]);
    expect(test.metadataTest?.cmd).toBeUndefined();
    expect(test.containerRunOptions).toMatchObject({ user: '', envVars: [] });
  });

  it.each([
    ['schemaVersion: 2.0.0\nschemaVersion: 2.0.0\n', /a\.yaml:2: /],
    ['schemaVersion: 2.0.0\ncommandTest: []\n', /a\.yaml:2: commandTest is not known in the file/],
    ['schemaVersion: 1.0.0\n', /schemaVersion 1\.0\.0 is not supported/],
    ['commandTests: []\n', /there is no schemaVersion/],
    ['- a\n', /the file is no mapping/],
    ['schemaVersion: 2.0.0\ncommandTests: { name: x }\n', /a\.yaml:2: commandTests is no list/],
  ])('%j is refused with its line', (text, message) =>
    expect(() => readStructureTest(text, 'a.yaml')).toThrow(message),
  );
});

it('JSON compares names without case, passes over what it does not know, and has the defaults of Go', () => {
  const test = readStructureTest(
    '{"SCHEMAVERSION":"2.0.0","more":1,"fileExistenceTests":[{"Name":"x","path":"/x"}],"containerRunOptions":{"TTY":true}}',
    'a.json',
  );
  expect(test.fileExistenceTests).toMatchObject([{ name: 'x', shouldExist: false, uid: 0, gid: 0 }]);
  expect(test.containerRunOptions.allocateTty).toBe(true);
});

it.each([
  ['$A ${A} $AB', 'one one '],
  ['$$ $? $1 $*', '   '],
  ['a $ b', 'a $ b'],
  ['${A}B', 'oneB'],
])('os.Expand of %j is %j', (text, expected) => {
  expect(expandGo(text, (name) => ({ A: 'one' })[name])).toBe(expected);
});

it('patterns are those of Go', () => {
  expect(findsPattern('^a+$', 'aaa')).toBe(true);
  expect(findsPattern('(?i)ABC', 'xabcx')).toBe(true);
  expect(findsPattern('^b$', 'a\nb')).toBe(false);
  expect(findsPattern('(?m)^b$', 'a\nb')).toBe(true);
  expect(findsPattern('(?=a)', 'a')).toBeUndefined();
});

it.each([
  ['file', 0o644, '-rw-r--r--'],
  ['directory', 0o755, 'drwxr-xr-x'],
  ['directory', 0o1777, 'dtrwxrwxrwx'],
  ['symlink', 0o777, 'Lrwxrwxrwx'],
  ['file', 0o4755, 'urwxr-xr-x'],
  ['file', 0o2755, 'grwxr-xr-x'],
])('FileMode of %s %o is %s', (kind, mode, expected) => expect(goMode(kind, mode)).toBe(expected));
