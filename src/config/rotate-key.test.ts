import { describe, expect, it } from 'vitest';
import { nextName, rotateInRecipe } from './rotate-key.ts';

const recipe = `name: acme # the line
signing:
  release: { key: keys/release.key } # of the pipeline
  failures: { key: keys/failures.key }
trust:
  # who signs
  - { name: acme-release, publicKey: ./keys/release.pub, states: [evidence], from: 2026-01-01 }
  - { name: alice, publicKey: keys/alice.pub, states: [approvals], person: alice@example.com }
node: { releases: ["24"] }
`;
const rotation = {
  role: 'release',
  oldPublicKey: 'keys/release.pub',
  newKey: 'keys/release-2.key',
  newPublicKey: 'keys/release-2.pub',
  from: '2026-11-30',
  until: '2027-02-28',
} as const;

describe('a key that is rotated in a recipe', () => {
  it('is believed until a day, beside the one that signs now; nothing else changes', () => {
    const { text, name } = rotateInRecipe(recipe, rotation);
    expect(name).toBe('acme-release-2');
    expect(text.split('\n').filter((line) => !recipe.includes(line))).toEqual([
      '  release: { key: keys/release-2.key } # of the pipeline',
      '  - { name: acme-release, publicKey: ./keys/release.pub, states: [evidence], from: 2026-01-01, until: 2027-02-28 }',
      '  - { name: acme-release-2, publicKey: keys/release-2.pub, states: [evidence], from: "2026-11-30" }',
    ]);
  });

  it('may be written in lines, with a day of its own', () => {
    const block = `signing:
  release:
    key: keys/release.key
trust:
  - name: release
    publicKey: keys/release.pub # the first
    states:
      - evidence
      - certificates
  # people
  - name: alice
    publicKey: keys/alice.pub
    states: [approvals]
`;
    const { text } = rotateInRecipe(block, rotation);
    expect(text).toContain(`      - certificates
    until: 2027-02-28
  - { name: release-2, publicKey: keys/release-2.pub, states: [evidence, certificates], from: "2026-11-30" }
  # people
`);
    const again = rotateInRecipe(text, {
      ...rotation,
      oldPublicKey: 'keys/release-2.pub',
      newPublicKey: 'keys/release-3.pub',
      until: '2028-01-01',
    });
    expect(again.name).toBe('release-3');
    expect(again.text).toContain('from: "2026-11-30", until: 2028-01-01 }\n  - { name: release-3,');
  });

  it('has to be listed under trust', () => {
    const other = { ...rotation, oldPublicKey: 'keys/other.pub' };
    expect(() => rotateInRecipe(recipe, other)).toThrow('trust does not list keys/other.pub');
    expect(() => rotateInRecipe('name: x\n', rotation)).toThrow('trust does not list');
  });

  it('gets the next name that nobody has', () => {
    expect(nextName('release', () => false)).toBe('release-2');
    expect(nextName('keys/release-2', (name) => name === 'keys/release-3')).toBe('keys/release-4');
  });

  it('ends when it was to end, if that is sooner', () => {
    const soon = recipe.replace('from: 2026-01-01', 'until: 2026-12-24');
    const rotated = rotateInRecipe(soon, rotation);
    expect(rotated.until).toBe('2026-12-24');
    expect(rotated.text).toContain('until: 2026-12-24 }');
  });

  it.each([
    ['on one line', (list: string[]) => `[${list.join(', ')}]`],
    ['on several', (list: string[]) => `[\n  ${list.join(',\n  ')}\n  ]`],
  ])('is refused for a list in brackets %s, and nothing is written', (_, brackets) => {
    const entries = recipe.split('\n').flatMap((line) => /^ {2}- (.*)$/.exec(line)?.[1] ?? []);
    const before = recipe.slice(0, recipe.indexOf('trust:'));
    expect(() => rotateInRecipe(`${before}trust: ${brackets(entries)}\n`, rotation)).toThrow(/list in brackets/);
  });
});
