import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { hexOf } from '../../core/digest.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import { syncFolder } from '../../core/files.ts';
import { withProcessLock } from '../../core/process-lock.ts';
import {
  dropKept,
  keptFolder,
  keptPath,
  noteKept,
  readKept,
  type Beside,
  type KeptFile,
} from '../../store/kept-files.ts';
import { readers, scopesOf, type IndexedFeed, type Row } from './feed-readers.ts';

/** Raised when rows are written in another way: older indexes are then made again. */
const indexVersion = 1;
/** Rows that are written at once: whoever is interrupted loses no more than these. */
const batchRows = 2000;
const kind = 'feed-indexes';

/** What a feed knows, ready to be asked by key. */
export interface FeedIndex {
  readonly entries: number;
  /** When its maker made it, as far as it says; ISO time. */
  readonly date: string | undefined;
  /** What it speaks about: ecosystems of OSV, releases or suites of Debian. */
  readonly scopes: readonly string[];
  lookUp(key: string): unknown[];
  close(): void;
}

/**
 * Opens the index of a feed, and makes it when there is none: one pass over the file, in batches, so that memory does
 * not grow with it; an index that was interrupted goes on where it stopped.
 * @throws Failure FEED_INVALID for a feed that is empty, cut off or another kind of file
 */
export async function openFeedIndex(store: Beside, feed: IndexedFeed, signal: AbortSignal): Promise<FeedIndex> {
  const kept = indexOf(feed);
  const path = keptPath(store, kept);
  if ((await readKept(store, kept)) === undefined) {
    await keptFolder(store, kind);
    await withProcessLock(`${path}.lock`, async () => {
      if ((await readKept(store, kept)) === undefined) await makeIndex(store, feed, signal);
    });
  }
  const database = new DatabaseSync(path, { readOnly: true });
  const about = database.prepare('SELECT name, value FROM about').all() as { name: string; value: string }[];
  const facts = new Map(about.map(({ name, value }) => [name, value]));
  const select = database.prepare('SELECT value FROM rows WHERE key = ?');
  return {
    entries: Number(facts.get('entries') ?? 0),
    date: facts.get('date'),
    scopes: JSON.parse(facts.get('scopes') ?? '[]') as string[],
    lookUp: (key) => select.all(key).map((row) => JSON.parse(String(row['value'])) as unknown),
    close: () => database.close(),
  };
}

function indexOf({ kind: of, digest }: Pick<IndexedFeed, 'kind' | 'digest'>): KeptFile {
  return { kind, name: `${of}-${hexOf(digest).slice(0, 32)}.v${indexVersion}.sqlite` };
}

/** Takes away the index of a feed that was replaced. */
export async function dropFeedIndex(store: Beside, feed: Pick<IndexedFeed, 'kind' | 'digest'>): Promise<void> {
  const kept = indexOf(feed);
  await dropKept(store, kept);
  await dropKept(store, partOf(kept));
}

/** A folder, because SQLite writes more than one file. */
function partOf(kept: KeptFile): KeptFile {
  return { kind, name: `${kept.name}.part` };
}

async function makeIndex(store: Beside, feed: IndexedFeed, signal: AbortSignal): Promise<void> {
  const kept = indexOf(feed);
  const part = partOf(kept);
  const folder = keptPath(store, part);
  // Rows that somebody else wrote, or took away, are not gone on with.
  if ((await readKept(store, part)) === undefined) await dropKept(store, part);
  await mkdir(folder, { recursive: true });
  const database = new DatabaseSync(join(folder, 'index.sqlite'));
  let entries = 0;
  try {
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS rows (key TEXT NOT NULL, value TEXT NOT NULL); CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);',
    );
    const insert = database.prepare('INSERT INTO rows (key, value) VALUES (?, ?)');
    const note = database.prepare('INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)');
    const done = Number(
      (database.prepare("SELECT value FROM about WHERE name = 'done'").get() as { value?: string } | undefined)
        ?.value ?? 0,
    );
    const reader = readers[feed.kind](feed);
    const scopes = new Set<string>();
    let batch: Row[][] = [];
    const write = async (): Promise<void> => {
      database.exec('BEGIN');
      for (const rows of batch) for (const { key, value } of rows) insert.run(key, JSON.stringify(value));
      note.run('done', String(entries));
      database.exec('COMMIT');
      batch = [];
      await noteKept(store, part, '');
    };
    for await (const rows of reader.entries) {
      entries++;
      for (const row of rows) for (const scope of scopesOf(feed.kind, row)) scopes.add(scope);
      // Written before an interruption.
      if (entries <= done) continue;
      batch.push(rows);
      if (batch.length < batchRows) continue;
      await write();
      signal.throwIfAborted();
    }
    if (entries === 0) throw invalid(feed, 'is empty');
    await write();
    database.exec('CREATE INDEX IF NOT EXISTS by_key ON rows (key)');
    note.run('entries', String(entries));
    const date = reader.date();
    if (date !== undefined) note.run('date', date);
    note.run('scopes', JSON.stringify([...scopes].sort()));
    database.exec('PRAGMA journal_mode=DELETE');
    database.close();
  } catch (error) {
    if (database.isOpen) database.close();
    signal.throwIfAborted();
    if (isFailure(error)) throw error;
    await dropKept(store, part);
    throw invalid(
      feed,
      `cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
      error,
    );
  }
  const path = keptPath(store, kept);
  await rename(join(folder, 'index.sqlite'), path);
  await syncFolder(join(path, '..'));
  await noteKept(store, kept, '');
  await dropKept(store, part);
}

function invalid(feed: IndexedFeed, what: string, cause?: unknown): Failure {
  return new Failure('FEED_INVALID', `the feed ${feed.name} (${feed.kind}) ${what}`, {
    hint: 'nothing of it is used, and no scan passes without it: fetch it again with `nodeworthy feeds update`',
    cause,
  });
}
