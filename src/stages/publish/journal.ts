import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf } from '../../core/digest.ts';
import { writeFileAtomic } from '../../core/files.ts';
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

/** Publications to a target that were interrupted. */
export async function openJournals(store: LayoutStore, target: string): Promise<JournalEntry[]> {
  const folder = folderOf(store);
  const names = await readdir(folder).catch(() => [] as string[]);
  const entries: JournalEntry[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith('.json')).sort()) {
    const parsed = EntrySchema.safeParse(JSON.parse(await readFile(join(folder, name), 'utf8')));
    if (parsed.success && parsed.data.target === target) entries.push(parsed.data);
  }
  return entries;
}

function folderOf(store: LayoutStore): string {
  return join(store.stateFolder, 'publications');
}

function pathOf(store: LayoutStore, { target, cell }: JournalEntry): string {
  return join(folderOf(store), `${digestOf(`${target} ${cell}`).slice('sha256:'.length, 'sha256:'.length + 32)}.json`);
}
