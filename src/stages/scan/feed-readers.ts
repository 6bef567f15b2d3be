import { on } from 'node:events';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { open as openZip, type Entry, type Options, type ZipFile } from 'yauzl';
import { z } from 'zod';
import type { Digest } from '../../core/digest.ts';
import { fileSize } from '../../core/files.ts';
import { splitObject } from '../../formats/split-object.ts';
import { TrackedPackageSchema } from '../../formats/vulnerabilities/debian-tracker.ts';
import type { FeedKind } from '../../formats/vulnerabilities/feed-kinds.ts';
import { epssDate, KevSchema, parseEpssLine } from '../../formats/vulnerabilities/known-exploited.ts';
import { NodeCoreSchema, NodeReleaseSchema } from '../../formats/vulnerabilities/node-feeds.ts';
import { OpenVexSchema } from '../../formats/vulnerabilities/openvex.ts';
import { OsvSchema, osvKeys, type OsvEntry } from '../../formats/vulnerabilities/osv.ts';
import { SecurityArchiveSchema } from './security-archive.ts';

const maxEntryBytes = 64 << 20;

/** What an index keeps: it is looked up by its key. */
export interface Row {
  readonly key: string;
  readonly value: unknown;
}

export interface IndexedFeed {
  readonly name: string;
  readonly kind: FeedKind;
  readonly digest: Digest;
  /** The feed's bytes. */
  readonly path: string;
}

interface Reader {
  /** Entries of the feed, each as the rows it is found by. */
  readonly entries: AsyncIterable<Row[]>;
  readonly date: () => string | undefined;
}

/** How each kind of feed is read: entry by entry, none of them as a whole but the small ones. */
export const readers: Readonly<Record<FeedKind, (feed: IndexedFeed) => Reader>> = {
  osv: (feed) => {
    let newest = '';
    return {
      date: () => newest || undefined,
      entries: mapEntries(readOsv(feed.path), (value) => {
        const entry = OsvSchema.parse(value);
        if ((entry.modified ?? '') > newest) newest = entry.modified ?? '';
        return osvKeys(entry).map((key) => ({ key, value: trimOsv(entry, key) }));
      }),
    };
  },
  'debian-tracker': (feed) => ({
    date: () => undefined,
    entries: mapEntries(splitObject(createReadStream(feed.path)), ({ key, value }) => [
      { key, value: trimTracked(TrackedPackageSchema.parse(value)) },
    ]),
  }),
  'node-core': (feed) => ({
    date: () => undefined,
    entries: mapEntries(whole(feed.path), (value) => {
      const parsed = NodeCoreSchema.parse(value);
      return Object.keys(parsed).length === 0 ? undefined : [{ key: 'node', value: parsed }];
    }),
  }),
  'node-dist': (feed) => {
    let newest = '';
    return {
      date: () => (newest === '' ? undefined : `${newest}T00:00:00.000Z`),
      entries: mapEntries(whole(feed.path), (value) => {
        const releases = z.array(NodeReleaseSchema).parse(value);
        newest =
          releases
            .map(({ date }) => date)
            .sort()
            .at(-1) ?? '';
        const kept = releases.map(({ version, date, security }) => ({ version, date, security }));
        return kept.length === 0 ? undefined : [{ key: 'node', value: kept }];
      }),
    };
  },
  kev: (feed) => {
    let date: string | undefined;
    return {
      date: () => date,
      entries: mapMany(whole(feed.path), (value) => {
        const parsed = KevSchema.parse(value);
        if (parsed.dateReleased !== undefined) date = new Date(parsed.dateReleased).toISOString();
        return parsed.vulnerabilities.map(({ cveID, dateAdded }) => [{ key: cveID, value: { dateAdded } }]);
      }),
    };
  },
  epss: (feed) => {
    let date: string | undefined;
    return {
      date: () => (date === undefined ? undefined : `${date}T00:00:00.000Z`),
      entries: mapEntries(readLines(feed.path), (line) => {
        date ??= epssDate(line);
        const parsed = parseEpssLine(line);
        return parsed && [{ key: parsed.cve, value: parsed.score }];
      }),
    };
  },
  openvex: (feed) => {
    let date: string | undefined;
    return {
      date: () => date,
      entries: mapEntries(whole(feed.path), (value) => {
        const document = OpenVexSchema.parse(value);
        date = document.timestamp;
        return [{ key: 'vex', value: document }];
      }),
    };
  },
  'debian-archive': (feed) => {
    let date: string | undefined;
    return {
      date: () => date,
      entries: mapMany(whole(feed.path), (value) => {
        const archive = SecurityArchiveSchema.parse(value);
        date = archive.date;
        return archive.sources.map((source) => [{ key: `${source.suite} ${source.name}`, value: source }]);
      }),
    };
  },
};

async function* mapEntries<T>(items: AsyncIterable<T>, map: (item: T) => Row[] | undefined): AsyncGenerator<Row[]> {
  for await (const item of items) {
    const rows = map(item);
    if (rows) yield rows;
  }
}

async function* mapMany<T>(items: AsyncIterable<T>, map: (item: T) => Row[][]): AsyncGenerator<Row[]> {
  for await (const item of items) yield* map(item);
}

/** A small document as a whole. */
async function* whole(path: string): AsyncGenerator {
  if (((await fileSize(path)) ?? 0) > maxEntryBytes) throw new RangeError(`it has more than ${maxEntryBytes} bytes`);
  yield JSON.parse(await readFile(path, 'utf8')) as unknown;
}

async function* readLines(path: string): AsyncGenerator<string> {
  const isGzip = await startsWith(path, [0x1f, 0x8b]);
  const file = createReadStream(path);
  const input = isGzip ? file.pipe(createGunzip()) : file;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
}

async function startsWith(path: string, bytes: readonly number[]): Promise<boolean> {
  for await (const chunk of createReadStream(path, { end: bytes.length - 1 }))
    return bytes.every((byte, at) => (chunk as Buffer)[at] === byte);
  return false;
}

/** A zip archive of entries as OSV publishes them, one entry, a list of them, or one per line. */
async function* readOsv(path: string): AsyncGenerator {
  if (await startsWith(path, [0x50, 0x4b])) {
    yield* readZip(path);
    return;
  }
  if (await isLines(path)) {
    for await (const line of readLines(path)) if (line.trim() !== '') yield JSON.parse(line) as unknown;
    return;
  }
  for await (const value of whole(path)) {
    if (Array.isArray(value)) yield* value as unknown[];
    else yield value;
  }
}

/** Whether the first line is a document by itself, and not the only one. */
async function isLines(path: string): Promise<boolean> {
  const lines: string[] = [];
  for await (const line of readLines(path)) {
    if (line.trim() !== '') lines.push(line);
    if (lines.length === 2) break;
  }
  try {
    return lines.length === 2 && typeof JSON.parse(lines[0] ?? '') === 'object';
  } catch {
    return false;
  }
}

async function* readZip(path: string): AsyncGenerator {
  const zip = await promisify<string, Options, ZipFile>(openZip)(path, { lazyEntries: true, autoClose: false });
  const openStream = promisify<Entry, Readable>((entry, done) => zip.openReadStream(entry, done));
  const entries = on(zip, 'entry', { close: ['end'] });
  try {
    zip.readEntry();
    for await (const [entry] of entries as AsyncIterable<[Entry]>) {
      if (entry.fileName.endsWith('.json')) {
        if (entry.uncompressedSize > maxEntryBytes) throw new RangeError(`${entry.fileName} is too large`);
        const chunks: Buffer[] = [];
        for await (const chunk of await openStream(entry)) chunks.push(chunk as Buffer);
        yield JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
      }
      zip.readEntry();
    }
  } finally {
    zip.close();
  }
}

/** Which part of the world a row is about. */
export function scopesOf(kind: FeedKind, { key, value }: Row): string[] {
  if (kind === 'osv') return [key.slice(0, key.indexOf(' '))];
  if (kind !== 'debian-tracker') return [];
  const tracked = value as Record<string, { readonly releases: object }>;
  return Object.values(tracked).flatMap(({ releases }) => Object.keys(releases));
}

/** Without what matching does not read: a tenth of the bytes. */
function trimOsv(entry: OsvEntry, key: string): object {
  const { id, published, aliases, upstream, summary, severity, database_specific: specific } = entry;
  const affected = entry.affected
    .filter(({ package: name }) => name && `${name.ecosystem} ${name.name}` === key)
    .map(({ package: name, ranges, versions, severity: own, ecosystem_specific: urgency }) => ({
      package: name && { ecosystem: name.ecosystem, name: name.name },
      ranges,
      // Ranges of commits say nothing about versions: then the list does.
      versions: (ranges ?? []).some(({ type }) => type !== 'GIT') ? undefined : versions,
      severity: own,
      ecosystem_specific: urgency,
    }));
  return {
    id,
    published,
    aliases,
    upstream,
    summary: summary?.slice(0, 300),
    severity,
    database_specific: specific?.severity === undefined ? undefined : { severity: specific.severity },
    affected,
  };
}

function trimTracked(tracked: z.infer<typeof TrackedPackageSchema>): object {
  return Object.fromEntries(
    Object.entries(tracked).map(([id, { description, releases }]) => [
      id,
      {
        description: description?.slice(0, 300),
        releases: Object.fromEntries(
          Object.entries(releases).map(([name, { status, urgency, fixed_version }]) => [
            name,
            { status, urgency, fixed_version },
          ]),
        ),
      },
    ]),
  );
}
