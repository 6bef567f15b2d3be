import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, translateFileError } from './errors.ts';

export interface ProcessLockOptions {
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Holds a lock between processes while `work` runs. The lock is SQLite's own byte-range lock on the file, which
 * the kernel gives back when its holder dies: a `kill -9` never leaves a stale lock behind.
 * @throws Failure STORE_BUSY when another process keeps the lock longer than `waitMs` (default ten minutes);
 *   STORE_DAMAGED for a file that is something else
 */
export async function withProcessLock<T>(
  path: string,
  work: () => Promise<T>,
  options: ProcessLockOptions = {},
): Promise<T> {
  const database = openDatabase(path);
  try {
    await acquire(database, path, options);
    try {
      return await work();
    } finally {
      database.exec('ROLLBACK');
    }
  } finally {
    database.close();
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const database = new DatabaseSync(path);
    database.exec('PRAGMA busy_timeout = 0');
    return database;
  } catch (error) {
    throw translateFileError(error, path);
  }
}

async function acquire(database: DatabaseSync, path: string, options: ProcessLockOptions): Promise<void> {
  const deadline = performance.now() + (options.waitMs ?? 600_000);
  let delayMs = 5;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      database.exec('BEGIN EXCLUSIVE');
      return;
    } catch (error) {
      // SQLITE_NOTADB, SQLITE_CORRUPT: locks are empty files.
      if (error instanceof Error && /not a database|malformed/i.test(error.message))
        throw new Failure('STORE_DAMAGED', `${path} is no lock: something else was written there`, {
          hint: 'remove it, and run again',
          cause: error,
        });
      if (!(error instanceof Error) || !/locked|busy/i.test(error.message)) throw error;
    }
    if (performance.now() > deadline) {
      throw new Failure('STORE_BUSY', `another process holds ${path}`, {
        hint: 'wait for the other nodeworthy run, or give this one its own --store',
      });
    }
    await sleep(delayMs, undefined, { signal: options.signal });
    delayMs = Math.min(delayMs * 2, 200);
  }
}
