import { join } from 'node:path';
import { digestOfFile } from '../core/digest-file.ts';
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

/**
 * What was noted about a kept file or folder; undefined when either was touched since, or is not there. A file that was
 * only copied, as caches of pipelines do, is known by its bytes.
 */
export async function readKept(store: Beside, file: KeptFile): Promise<string | undefined> {
  const note = await store.notes.read(file.kind, `${file.name}.json`);
  const end = note?.indexOf('\n') ?? -1;
  if (note === undefined || end < 0) return undefined;
  const path = keptPath(store, file);
  const [, mark, digest] = /^(.*?)(?: (sha256:[0-9a-f]{64}))?$/.exec(note.slice(0, end)) ?? [];
  const text = note.slice(end + 1);
  const found = markOfFile(path);
  if (found === undefined) return mark === markOfTree(path) ? text : undefined;
  if (mark === found) return text;
  if (digest === undefined || (await digestOfFile(path)).digest !== digest || markOfFile(path) !== found)
    return undefined;
  await write(store, file, { head: `${found} ${digest}`, text });
  return text;
}

/** Notes something about a file or folder as it lies there now: the caller has just made it. */
export async function noteKept(store: Beside, file: KeptFile, text: string): Promise<void> {
  const path = keptPath(store, file);
  const mark = markOfFile(path);
  const head = mark === undefined ? markOfTree(path) : `${mark} ${(await digestOfFile(path)).digest}`;
  if (head !== undefined) await write(store, file, { head, text });
}

async function write(
  store: Beside,
  { kind, name }: KeptFile,
  { head, text }: { readonly head: string; readonly text: string },
): Promise<void> {
  await store.notes.write(kind, `${name}.json`, `${head}\n${text}`, { durable: false });
}

/** Takes away what is there, and what was noted about it: it is about to be made again. */
export async function dropKept(store: Beside, file: KeptFile): Promise<void> {
  await store.notes.remove(file.kind, `${file.name}.json`);
  await removeTree(keptPath(store, file));
}
