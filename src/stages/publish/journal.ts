import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists, writeFileAtomic } from '../../core/files.ts';
import { DescriptorSchema, DigestSchema } from '../../formats/oci/descriptor.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';

const EntrySchema = z.strictObject({
  target: z.string(),
  cell: z.string(),
  to: DescriptorSchema,
  moves: z.array(z.strictObject({ tag: z.string(), from: DigestSchema.optional() })),
});

/** Tags of one cell on one target that are about to move: written before the first, removed after the last. */
export type JournalEntry = z.infer<typeof EntrySchema>;

export async function writeJournal(store: LayoutStore, entry: JournalEntry): Promise<void> {
  await writeFileAtomic(pathOf(store, entry), canonicalJson(entry));
}

export async function clearJournal(store: LayoutStore, entry: JournalEntry): Promise<void> {
  await rm(pathOf(store, entry), { force: true });
}

/** The publication of a cell to a target that was interrupted, if there is one. */
export async function openJournal(
  store: LayoutStore,
  key: Pick<JournalEntry, 'target' | 'cell'>,
): Promise<JournalEntry | undefined> {
  const path = pathOf(store, key);
  const text = await readTextIfExists(path);
  if (text === undefined) return undefined;
  const parsed = EntrySchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Failure('STORE_DAMAGED', `${path} is not a publication journal`, {
    hint: 'some other program wrote to the store; move the file away and run again',
  });
}

function folderOf(store: LayoutStore): string {
  return join(store.stateFolder, 'publications');
}

function pathOf(store: LayoutStore, { target, cell }: Pick<JournalEntry, 'target' | 'cell'>): string {
  return join(folderOf(store), `${digestOf(`${target} ${cell}`).slice('sha256:'.length, 'sha256:'.length + 32)}.json`);
}
