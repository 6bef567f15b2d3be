import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, hexOf } from '../../core/digest.ts';
import { DescriptorSchema, DigestSchema } from '../../formats/oci/descriptor.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';

const kind = 'publications';

const EntrySchema = z.strictObject({
  target: z.string(),
  /** With the ending of its tags. */
  cell: z.string(),
  environment: z.string(),
  to: DescriptorSchema,
  moves: z.array(z.strictObject({ tag: z.string(), from: DigestSchema.optional() })),
});

/** Tags of one cell on one target that are about to move: written before the first, removed after the last. */
export type JournalEntry = z.infer<typeof EntrySchema>;

export type JournalKey = Pick<JournalEntry, 'target' | 'cell' | 'environment'>;

export async function writeJournal(store: LayoutStore, entry: JournalEntry): Promise<void> {
  await store.notes.begin(kind, nameOf(entry), canonicalJson(entry));
}

export async function clearJournal(store: LayoutStore, entry: JournalEntry): Promise<void> {
  await store.notes.end(kind, nameOf(entry));
}

/**
 * The publication of a cell to a target that was interrupted, if there is one. One that nobody here has written, or
 * that is over, is none: tags that stand between two images are then moved like all others.
 */
export async function openJournal(store: LayoutStore, key: JournalKey): Promise<JournalEntry | undefined> {
  const text = await store.notes.readBegun(kind, nameOf(key));
  return text === undefined ? undefined : EntrySchema.safeParse(JSON.parse(text)).data;
}

function nameOf({ target, cell, environment }: JournalKey): string {
  return `${hexOf(digestOf(canonicalJson([target, cell, environment]))).slice(0, 32)}.json`;
}
