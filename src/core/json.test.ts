import { describe, expect, it } from 'vitest';
import { isFailure } from './errors.ts';
import { parseJson, readJson } from './json.ts';

describe('JSON of others', () => {
  it.each([
    '{"a":1,"b":{"a":[{"a":2},{"a":3}]}}',
    '[]',
    '"{\\"a\\":1,\\"a\\":2}"',
    '{"":0,"a,":"\\\\"}',
    'null',
    '-1e3',
  ])('%s means what it says', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ['{"a":1,"a":2}', /"a" is there twice/],
    ['{"a":1,"\\u0061":2}', /"a" is there twice/],
    ['{"x":[{"b":1,"c":{},"b":2}]}', /"b" is there twice/],
    ['{"__proto__":1,"__proto__":2}', /twice/],
    [`${'['.repeat(101)}${']'.repeat(101)}`, /nested more than 100 times/],
    ['['.repeat(4 << 20), /nested more than 100 times/],
    ['{"a":1', /JSON/],
    ['{"a":1}}', /JSON/],
    ['', /JSON/],
    ['{"a":"\\', /JSON/],
    ['{"a\\x":1}', /JSON/],
  ])('%.40s is refused', (text, message) => {
    expect(() => parseJson(text)).toThrow(message);
    const read = () => readJson(text, { name: 'the list of tags' });
    expect(read).toThrow(/^the list of tags is not JSON as it should be/);
    expect(read).toThrow(expect.toSatisfy((error: unknown) => isFailure(error, 'SOURCE_INVALID')));
  });

  it('cannot reach what all objects share', () => {
    const parsed = parseJson('{"__proto__":{"isAdmin":true}}') as Record<string, unknown>;
    expect(Object.hasOwn(parsed, '__proto__')).toBe(true);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});
