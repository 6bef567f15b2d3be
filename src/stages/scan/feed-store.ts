import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Context } from '../../core/context.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { downloadFile } from '../../core/download.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import { createHttpClient } from '../../core/http.ts';
import { createHash } from 'node:crypto';
import type { FeedConfig } from '../../config/environment-schema.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { toRetryPolicy } from '../../core/retry.ts';
import { FeedStateSchema, type FeedState } from '../../formats/attestation/predicate-shapes.ts';
import { DigestSchema } from '../../formats/oci/descriptor.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { blobOfBytes } from '../../store/read-blob.ts';
import { dropFeedIndex, openFeedIndex } from './feed-index.ts';

const maxFeedBytes = 4 * 2 ** 30;

const RecordSchema = z.strictObject({
  ...FeedStateSchema.shape,
  /** Where it came from, as a digest: records name no host. */
  origin: DigestSchema,
  /** Of a file: when nothing of this changed, neither did its bytes. */
  file: z.strictObject({ sizeBytes: z.number(), mtimeMs: z.number() }).optional(),
});
export type FeedRecord = z.infer<typeof RecordSchema>;

export interface FeedPorts {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly context: Context;
}

function originOf({ path, url, kind }: FeedConfig): Digest {
  return digestOf(canonicalJson({ path, url, kind }));
}

/** What is known of a feed: its bytes by digest, its date and its age. Undefined when it was never fetched. */
export async function readFeed(store: LayoutStore, feed: FeedConfig): Promise<FeedRecord | undefined> {
  const text = await store.notes.read('feeds', feed.name);
  const record = text === undefined ? undefined : RecordSchema.safeParse(JSON.parse(text)).data;
  // A feed that comes from somewhere else now is another feed.
  if (!record || record.origin !== originOf(feed)) return undefined;
  return (await store.hasBlob(record.digest)) ? record : undefined;
}

/**
 * Fetches a feed and makes its index; what it replaces is used until then, and stays when this fails.
 * @throws Failure SOURCE_UNREACHABLE, SOURCE_INVALID, FEED_INVALID, FILE_UNUSABLE
 */
export async function updateFeed(
  feed: FeedConfig,
  ports: FeedPorts,
  readArchive: (feed: FeedConfig) => Promise<Buffer>,
): Promise<FeedRecord> {
  if (feed.path !== undefined) return await takeFile(feed, feed.path, ports);
  if (feed.url !== undefined) return await fetchFeed(feed, feed.url, ports);
  const bytes = await readArchive(feed);
  await ports.store.putBlob(blobOfBytes(bytes));
  return await noteFeed(feed, ports, { digest: digestOf(bytes) });
}

/** A file is read when it changed: the recipe's folder is always at hand. */
export async function takeFile(feed: FeedConfig, file: string, ports: FeedPorts): Promise<FeedRecord> {
  const { store, loaded, context } = ports;
  const path = resolve(loaded.folder, file);
  const found = await stat(path).catch((error: unknown) => {
    throw new Failure('FILE_UNUSABLE', `the feed ${feed.name} cannot be read: there is no file ${path}`, {
      hint: 'correct its path under feeds; relative paths start at the recipe',
      cause: error,
    });
  });
  const about = { sizeBytes: found.size, mtimeMs: found.mtimeMs };
  const known = await readFeed(store, feed);
  if (known?.file && canonicalJson(known.file) === canonicalJson(about)) return known;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  await store.putBlob({ digest, size: found.size, open: () => createReadStream(path) });
  context.report({ kind: 'notice', text: `feed ${feed.name} taken from ${file}` });
  return await noteFeed(feed, ports, { digest, file: about, madeOn: found.mtime });
}

async function fetchFeed(feed: FeedConfig, url: string, ports: FeedPorts): Promise<FeedRecord> {
  const { store, loaded, context } = ports;
  const caFile = feed.caFile === undefined ? undefined : resolve(loaded.folder, feed.caFile);
  const http = createHttpClient(caFile === undefined ? {} : { caFile });
  try {
    const { digest } = await downloadFile(
      { url, name: `feed ${feed.name}`, maxBytes: maxFeedBytes, expected: {} },
      {
        http,
        folder: join(store.stateFolder, 'downloads'),
        report: context.report,
        signal: context.signal,
        retry: toRetryPolicy(loaded.recipe.retries),
        now: context.verificationTime,
      },
      async (file) => {
        await store.adoptFile(file.path, file.digest);
        return file;
      },
    );
    return await noteFeed(feed, ports, { digest });
  } catch (error) {
    // A hint about locks would help nobody here.
    if (isFailure(error, 'SOURCE_UNREACHABLE') || isFailure(error, 'SOURCE_INVALID'))
      throw new Failure(error.code, error.message, {
        hint: 'the feed was not changed, and grows older: scans fail when it is too old',
        cause: error,
      });
    throw error;
  } finally {
    await http.close();
  }
}

interface NewFeed {
  readonly digest: Digest;
  readonly file?: { readonly sizeBytes: number; readonly mtimeMs: number };
  readonly madeOn?: Date;
}

async function noteFeed(feed: FeedConfig, ports: FeedPorts, { digest, file, madeOn }: NewFeed): Promise<FeedRecord> {
  const { store, context } = ports;
  const { name, kind } = feed;
  const source = { name, kind, digest, path: store.blobPath(digest) };
  const index = await openFeedIndex(store, source, context.signal);
  const { entries, date } = index;
  index.close();
  const fetchedOn = context.verificationTime.toISOString();
  const record: FeedRecord = {
    name,
    kind,
    digest,
    // No feed is newer than the day on which it came.
    date: [isoOf(date) ?? madeOn?.toISOString() ?? fetchedOn, fetchedOn].sort()[0] ?? fetchedOn,
    fetchedOn,
    entries,
    origin: originOf(feed),
    ...(file ? { file } : {}),
  };
  const before = await readFeed(store, feed);
  await store.notes.write('feeds', name, canonicalJson(record));
  if (before && before.digest !== digest) await dropFeedIndex(store, { kind, digest: before.digest });
  return record;
}

function isoOf(date: string | undefined): string | undefined {
  const time = Date.parse(date ?? '');
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** The feeds of a recipe as they are now. @throws Failure FEED_INVALID for one that was never fetched */
export async function currentFeeds(
  ports: FeedPorts,
): Promise<{ readonly config: FeedConfig; readonly record: FeedRecord }[]> {
  const found: { config: FeedConfig; record: FeedRecord }[] = [];
  for (const config of ports.loaded.recipe.feeds) {
    const record =
      config.path === undefined ? await readFeed(ports.store, config) : await takeFile(config, config.path, ports);
    if (!record)
      throw new Failure('FEED_INVALID', `the feed ${config.name} was never fetched`, {
        hint: 'fetch it with `nodeworthy feeds update`',
      });
    found.push({ config, record });
  }
  return found;
}

export function feedState({ name, kind, digest, date, fetchedOn, entries }: FeedRecord): FeedState {
  return { name, kind, digest, date, fetchedOn, entries };
}
