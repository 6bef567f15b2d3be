import { describe, expect, it } from 'vitest';
import { Failure } from '../core/errors.ts';
import { parseRecipe } from './load-recipe.ts';

const good = 'name: x\nnode:\n  releases: [lts, 24]\n  source: npm\nbases:\n  trixie: { debian: trixie }\n';

function failureOf(text: string): Failure {
  try {
    parseRecipe(text, 'nodeworthy.yaml');
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('the recipe was accepted');
}

describe('parseRecipe', () => {
  it('fills in what has a default', () => {
    expect(parseRecipe(good, 'x').recipe).toMatchObject({
      variants: ['runtime'],
      platforms: ['linux/amd64'],
      compression: 'gzip',
      publish: [],
      tests: [],
    });
  });

  it.each([
    [
      'an unknown key',
      `${good}variant: [runtime]\n`,
      'nodeworthy.yaml:7:1: unknown key "variant"',
      'did you mean "variants"?',
    ],
    [
      'two forms of a base at once',
      good.replace('debian: trixie', 'debian: trixie, image: x'),
      'nodeworthy.yaml:6:29: "image" does not go together with the other keys here',
      'keep the keys of one',
    ],
    [
      'a profile that is none',
      `${good}hardening: stric\n`,
      'nodeworthy.yaml:7:1: hardening: expected one of none, standard, strict',
      '',
    ],
    [
      'an unknown key deep inside',
      good.replace('releases:', 'release:'),
      'nodeworthy.yaml:3:3: unknown key "release"',
      'did you mean "releases"?',
    ],
    [
      'an unknown key of a base',
      good.replace('{ debian: trixie }', '{ debian: trixie, mirorr: "https://example.com" }'),
      'nodeworthy.yaml:6:29: unknown key "mirorr"',
      'did you mean "mirror"?',
    ],
    [
      'an unknown key of a target',
      `${good}publish:\n  - repositry: localhost:5000/x\n`,
      'nodeworthy.yaml:8:5: unknown key "repositry"',
      'did you mean "repository"?',
    ],
    ['a wrong value', `${good}platforms: [linux/s390x]\n`, 'nodeworthy.yaml:7:13', ''],
    ['a missing part', 'name: x\nbases: { trixie: { debian: trixie } }\n', 'node', ''],
    ['broken YAML', 'name: [x\n', 'nodeworthy.yaml:2:1', 'not valid YAML'],
    ['a key given twice', 'name: x\nname: y\n', 'nodeworthy.yaml:2:1', 'YAML'],
  ])('names line and remedy of %s', (_, text, message, hint) => {
    const failure = failureOf(text);
    expect(failure.code).toBe('RECIPE_INVALID');
    expect(failure.exitStatus).toBe(2);
    expect(failure.message).toContain(message);
    expect(failure.hint ?? '').toContain(hint);
  });

  it('names every mistake at once', () => {
    expect(failureOf(`${good}foo: 1\nbar: 2\n`).message.split('\n')).toHaveLength(2);
  });
});

describe('a recipe that somebody wrote to break its reader', () => {
  const aliases = Array.from({ length: 12 }, (_, at) =>
    at === 0 ? 'a0: &a0 [x, x]' : `a${at}: &a${at} [*a${at - 1}, *a${at - 1}, *a${at - 1}, *a${at - 1}]`,
  ).join('\n');

  it.each([
    ['aliases that multiply', `${good}more:\n  ${aliases.replaceAll('\n', '\n  ')}\n`],
    ['lists without end', `name: ${'['.repeat(100_000)}`],
    ['maps without end', `name: ${'{a: '.repeat(100_000)}`],
    ['megabytes of nothing', `${good}# ${'x'.repeat(5 << 20)}\n`],
  ])('by %s is refused in a sentence', (_, text) => {
    const failure = failureOf(text);
    expect(failure.code).toBe('RECIPE_INVALID');
    expect(failure.message.length).toBeLessThan(1000);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('names nothing with %s', (name) => {
    const { recipe } = parseRecipe(good, 'x');
    expect(recipe.bases[name]).toBeUndefined();
    expect(recipe.environments[name]).toBeUndefined();
  });
});
