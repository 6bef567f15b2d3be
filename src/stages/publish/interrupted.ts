import type { Digest } from '../../core/digest.ts';
import type { Store, TagMove } from '../../store/store.ts';
import type { PlannedCell } from '../plan/cell.ts';
import type { JournalEntry, JournalKey } from './journal.ts';
import { revisionNumbers } from './revision.ts';

/** A cell whose tags belong to an environment. */
export interface Named {
  readonly cell: Pick<PlannedCell, 'id' | 'aliases'>;
  readonly environment: string;
  /** Ending of all tags, of the environment. */
  readonly tagSuffix: string;
}

/** What revisions are called. */
export function stemOf({ cell, tagSuffix }: Named): string {
  return `${cell.id}${tagSuffix}`;
}

export function journalKey(options: Named, target: string): JournalKey {
  return { target, cell: stemOf(options), environment: options.environment };
}

export function aliasesOf({ cell, tagSuffix }: Named): string[] {
  return cell.aliases.map((alias) => `${alias}${tagSuffix}`);
}

/**
 * Takes back what was begun: moving tags of the cell that were moved already, to what they meant before when that is
 * certified. A revision stays where it is for ever, and what somebody moved since is not touched.
 */
export async function undo(
  options: Named & { readonly isCertified: (store: Store, digest: Digest) => Promise<boolean> },
  store: Store,
  entry: JournalEntry,
): Promise<void> {
  const { isCertified } = options;
  const own = new Set(aliasesOf(options));
  const back: TagMove[] = [];
  const gone: string[] = [];
  for (const { tag, from } of entry.moves) {
    if (!own.has(tag) || (await store.resolveTag(tag))?.digest !== entry.to.digest) continue;
    const before = from && (await store.getManifest(from));
    if (before && (await isCertified(store, before.descriptor.digest))) back.push({ tag, to: before.descriptor });
    else gone.push(tag);
  }
  await store.moveTags(back);
  await store.removeTags(gone);
}

/**
 * What is left to move: only tags of this cell, of its revisions only new ones, and only those that mean what they
 * meant when the publication began. What somebody moved since is planned anew.
 */
export async function openMoves(options: Named, store: Store, entry: JournalEntry): Promise<TagMove[]> {
  const own = new Set(aliasesOf(options));
  const { mediaType, digest, size } = entry.to;
  const open: TagMove[] = [];
  for (const { tag, from } of entry.moves) {
    const isOwn = own.has(tag) || (from === undefined && revisionNumbers([tag], stemOf(options)).length > 0);
    if (isOwn && (await store.resolveTag(tag))?.digest === from) open.push({ tag, to: { mediaType, digest, size } });
  }
  return open;
}
