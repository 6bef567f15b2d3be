import type { Digest } from '../../core/digest.ts';

/** What one target has under the revision tags of a cell: number to digest. */
export type Revisions = ReadonlyMap<number, Digest>;

/** Numbers of `STEM-r1`, `STEM-r2`, … among a target's tags. */
export function revisionNumbers(tags: readonly string[], stem: string): number[] {
  return tags.flatMap((tag) => {
    const match = tag.startsWith(`${stem}-r`) ? /^[1-9]\d*$/.exec(tag.slice(stem.length + 2)) : null;
    return match ? [Number(match[0])] : [];
  });
}

/**
 * The revision of a digest: the one it has somewhere already, when no target knows that number as something else, or
 * the next free one. All targets get the same number: a revision means one image everywhere.
 */
export function chooseRevision(digest: Digest, targets: readonly Revisions[]): number {
  const numbers = [...new Set(targets.flatMap((revisions) => [...revisions.keys()]))].sort((a, b) => b - a);
  for (const number of numbers) {
    const meanings = targets.flatMap((revisions) => revisions.get(number) ?? []);
    if (meanings.includes(digest) && meanings.every((meaning) => meaning === digest)) return number;
  }
  return (numbers[0] ?? 0) + 1;
}
