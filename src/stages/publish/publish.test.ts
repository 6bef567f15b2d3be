import { describe, expect, it } from 'vitest';
import type { Digest } from '../../core/digest.ts';
import { planTags, type TaggedImage } from './plan-tags.ts';
import { chooseRevision, revisionNumbers } from './revision.ts';

const a = `sha256:${'a'.repeat(64)}` satisfies Digest;
const b = `sha256:${'b'.repeat(64)}` satisfies Digest;
const image = (digest: Digest, version: string, created = '2026-01-01T00:00:00Z'): TaggedImage => ({
  digest,
  version,
  created,
});

describe('planTags', () => {
  const plan = (current: Record<string, TaggedImage>) =>
    planTags({
      revisionTag: 'x-r1',
      aliases: ['24', 'lts'],
      image: image(a, '24.21.0'),
      current: new Map(Object.entries(current)),
    });

  it('moves what is missing or older, keeps what is right', () => {
    expect(plan({ 24: image(a, '24.21.0'), lts: image(b, '22.1.0') })).toEqual([
      { kind: 'move', tag: 'x-r1' },
      { kind: 'keep', tag: '24' },
      { kind: 'move', tag: 'lts', from: b },
    ]);
  });

  it('refuses another operating system inside a line, and takes it with another line', () => {
    const on = (base: string, version: string, digest: Digest): TaggedImage => ({ ...image(digest, version), base });
    const move = (now: TaggedImage) =>
      planTags({
        revisionTag: 'x-r1',
        aliases: ['lts'],
        image: on('trixie', '24.21.0', a),
        current: new Map([['lts', now]]),
      })[1];
    expect(move(on('bookworm', '24.20.0', b))).toMatchObject({ kind: 'refuse-base', tag: 'lts' });
    expect(move(on('bookworm', '22.20.0', b))).toMatchObject({ kind: 'move' });
    expect(move(on('trixie', '24.20.0', b))).toMatchObject({ kind: 'move' });
  });

  it('refuses to go back by version, and by age within a version', () => {
    expect(plan({ lts: image(b, '24.21.1') })[2]).toMatchObject({ kind: 'refuse-older' });
    expect(plan({ lts: image(b, '24.21.0', '2026-02-01T00:00:00Z') })[2]).toMatchObject({ kind: 'refuse-older' });
    expect(plan({ lts: image(b, '24.9.0', '2026-02-01T00:00:00Z') })[2]).toMatchObject({ kind: 'move' });
  });

  it('never moves a revision tag', () => {
    expect(plan({ 'x-r1': image(b, '24.21.0') })[0]).toEqual({ kind: 'refuse-immutable', tag: 'x-r1', holds: b });
  });
});

describe('revisions', () => {
  it('reads numbers of exactly this cell', () => {
    expect(revisionNumbers(['c-r1', 'c-r12', 'c-r01', 'c-rx', 'cc-r3', 'c-r0', 'c'], 'c')).toEqual([1, 12]);
  });

  it.each([
    ['nothing yet', [], 1],
    ['another image before', [[[1, b]]], 2],
    [
      'the same image',
      [
        [
          [1, b],
          [2, a],
        ],
      ],
      2,
    ],
    ['the same image on one target only', [[[1, a]], []], 1],
    ['a number that means something else elsewhere', [[[1, a]], [[1, b]]], 2],
    [
      'gaps',
      [
        [
          [1, b],
          [5, b],
        ],
      ],
      6,
    ],
  ] as [string, [number, Digest][][], number][])('with %s', (_, targets, expected) => {
    expect(
      chooseRevision(
        a,
        targets.map((revisions) => new Map(revisions)),
      ),
    ).toBe(expected);
  });
});
