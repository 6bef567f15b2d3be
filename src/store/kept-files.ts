import { join } from 'node:path';
import { privateFolder, removeTree } from '../core/files.ts';
import type { LayoutStore } from './layout/layout-store.ts';
import { markOfFile, markOfTree } from './layout/marks.ts';

/** What is needed of a store to keep something beside it. */
export type Beside = Pick<LayoutStore, 'stateFolder' | 'notes'>;

/** A file or folder beside a store that was made of something, named by what it was made of. */
export interface KeptFile {
  readonly kind: string;
  readonly name: string;
}

export function keptPath(store: Beside, { kind, name }: KeptFile): string {
  return join(store.stateFolder, kind, name);
}

/** The folder of a kind: files of others lie there as they are, and nobody else may reach them. */
export async function keptFolder(store: Beside, kind: string): Promise<string> {
  return await privateFolder(join(store.stateFolder, kind));
}

/** What was noted about a kept file or folder; undefined when either was touched since, or is not there. */
export async function readKept(store: Beside, file: KeptFile): Promise<string | undefined> {
  const note = await store.notes.read(file.kind, `${file.name}.json`);
  const end = note?.indexOf('\n') ?? -1;
  if (note === undefined || end < 0) return undefined;
  return note.slice(0, end) === markAt(keptPath(store, file)) ? note.slice(end + 1) : undefined;
}

/** Notes something about a file or folder as it lies there now: the caller has just made it. */
export async function noteKept(store: Beside, file: KeptFile, text: string): Promise<void> {
  const mark = markAt(keptPath(store, file));
  if (mark !== undefined)
    await store.notes.write(file.kind, `${file.name}.json`, `${mark}\n${text}`, { durable: false });
}

/** Takes away what is there, and what was noted about it: it is about to be made again. */
export async function dropKept(store: Beside, file: KeptFile): Promise<void> {
  await store.notes.remove(file.kind, `${file.name}.json`);
  await removeTree(keptPath(store, file));
}

function markAt(path: string): string | undefined {
  return markOfFile(path) ?? markOfTree(path);
}
