import { describe, expect, it } from 'vitest';
import { RecipeSchema } from '../../config/recipe-schema.ts';
import { releaseCapabilities, type ReleaseAnswers } from './release-capabilities.ts';

function decide(release: string, capabilities: object, answers: ReleaseAnswers = new Map()): string[] {
  const recipe = RecipeSchema.parse({
    name: 'test',
    node: { releases: [24], capabilities },
    bases: { trixie: { debian: 'trixie' } },
  });
  return releaseCapabilities(release, recipe, answers);
}

describe('what a recipe says of releases', () => {
  it('adds and takes away in its range only', () => {
    const override = { '^24.5.0': { has: ['diagnostic-dir'], lacks: ['full-icu', 'sqlite'] } };
    expect(decide('24.21.0', override)).not.toContain('full-icu');
    expect(decide('24.21.0', override)).toContain('diagnostic-dir');
    expect(decide('24.0.0', override)).toContain('full-icu');
  });

  it('stands above what the binary has answered, and both above the data; what none can be asked stays data', () => {
    const answers = new Map([['24.99.0', ['fetch', 'sqlite'] as const]]);
    expect(decide('24.99.0', {}, answers)).toEqual(['fetch', 'memory-limit', 'npx', 'sqlite']);
    expect(decide('24.99.0', { '24': { lacks: ['sqlite'] } }, answers)).not.toContain('sqlite');
    expect(decide('24.21.0', {}, answers)).toContain('web-crypto');
  });

  it.each([
    ['a range that is none', { twentyfour: { lacks: ['sqlite'] } }, '"twentyfour" is not a range'],
    ['a name that is misspelt', { '24': { lacks: ['sqllite'] } }, 'there is no capability sqllite'],
    ['a name in both lists', { '24': { has: ['sqlite'], lacks: ['sqlite'] } }, 'sqlite is in has and in lacks'],
    ['what no binary can be asked', { '24': { lacks: ['memory-limit'] } }, 'memory-limit cannot be overridden'],
  ])('is refused with %s', (_, override, message) => {
    expect(() => decide('24.21.0', override)).toThrow(message);
  });
});
