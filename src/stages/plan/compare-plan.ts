import { compareText } from '../../core/canonical-json.ts';
import type { PlannedCell } from './cell.ts';

/** What a store has under a tag. */
export interface PublishedTag {
  readonly tag: string;
  /** Cell of the image, as its annotation says. */
  readonly cell: string;
}

export interface PlanComparison {
  /** Cells without any tag yet. */
  readonly added: readonly string[];
  /** Tags that would move from one cell to another, or that a cell gets anew. */
  readonly moved: readonly { readonly tag: string; readonly from?: string; readonly to: string }[];
  /** Cells with tags that are not planned any more, with those of their tags that nobody takes over. */
  readonly removed: readonly { readonly cell: string; readonly tags: readonly string[] }[];
}

/** A plan against what is published; revision tags never move and are left out. */
export function comparePlan(cells: readonly PlannedCell[], published: readonly PublishedTag[]): PlanComparison {
  const before = new Map(published.map(({ tag, cell }) => [tag, cell]));
  const known = new Set(published.map(({ cell }) => cell));
  const planned = new Set(cells.map(({ id }) => id));
  const taken = new Set(cells.flatMap(({ aliases }) => aliases));
  const moved = cells
    .filter(({ id }) => known.has(id))
    .flatMap(({ id, aliases }) =>
      aliases.filter((tag) => before.get(tag) !== id).map((tag) => ({ tag, from: before.get(tag), to: id })),
    );
  const gone = new Map<string, string[]>();
  for (const { tag, cell } of published) {
    if (planned.has(cell)) continue;
    const tags = gone.get(cell) ?? [];
    if (!taken.has(tag) && !/-r[1-9]\d*$/.test(tag)) tags.push(tag);
    gone.set(cell, tags);
  }
  return {
    added: cells.filter(({ id }) => !known.has(id)).map(({ id }) => id),
    moved,
    removed: [...gone]
      .map(([cell, tags]) => ({ cell, tags: tags.sort(compareText) }))
      .sort((a, b) => compareText(a.cell, b.cell)),
  };
}
