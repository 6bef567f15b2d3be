import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { hexOf, type Digest } from '../core/digest.ts';
import { Failure, translateFileError } from '../core/errors.ts';
import { fileSize, readTextIfExists, writeFileAtomic } from '../core/files.ts';
import { SingleFlight } from '../core/concurrency.ts';
import { readDeb } from '../formats/deb/read-deb.ts';
import type { TarEntry } from '../formats/tar/entry.ts';
import { readTar, type TarMember } from '../formats/tar/read-tar.ts';
import { describeInput, type Input } from './input.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';

export interface ExpandedEntry {
  readonly entry: TarEntry;
  /** Where its content begins in the expanded file. */
  readonly offset: number;
}

/** An input unpacked into one plain file, with a list of what lies where: entries refer to bytes, nothing is copied again. */
export interface ExpandedInput {
  readonly input: Input;
  readonly path: string;
  readonly sizeBytes: number;
  readonly entries: readonly ExpandedEntry[];
  /** Control files of a Debian package by name; empty for others. */
  readonly control: Readonly<Record<string, string>>;
}

/** Newest modification time in whole seconds: what is made of these inputs cannot be older. */
export function newestTime(inputs: readonly ExpandedInput[]): number {
  return Math.max(0, ...inputs.flatMap((expanded) => expanded.entries.map(({ entry }) => entry.mtime)));
}

const limits = { maxEntries: 100_000, maxTotalBytes: 1 << 30 } as const;
const maxDebBytes = 512 << 20;
const flights = new SingleFlight<ExpandedInput>();

/** Bump when what is kept of an input changes: older expansions are then made again. */
const expansionVersion = 1;

interface StoredExpansion {
  readonly sizeBytes: number;
  readonly entries: readonly ExpandedEntry[];
  readonly control: Readonly<Record<string, string>>;
}

/** Expands an input once and keeps the result beside the store, by the input's digest. */
export function expandInput(store: LayoutStore, input: Input): Promise<ExpandedInput> {
  const path = join(store.stateFolder, 'expanded', `${hexOf(input.digest)}-${expansionVersion}`);
  return flights.run(path, async () => {
    const known = await readTextIfExists(`${path}.json`);
    if (known !== undefined) {
      const stored = JSON.parse(known) as StoredExpansion;
      if ((await fileSize(path)) === stored.sizeBytes) return { input, path, ...stored };
    }
    const stored = await expand(store, input, path);
    await writeFileAtomic(`${path}.json`, JSON.stringify(stored));
    return { input, path, ...stored };
  });
}

async function expand(store: LayoutStore, input: Input, path: string): Promise<StoredExpansion> {
  const temporary = `${path}.${process.pid}.tmp`;
  await mkdir(join(store.stateFolder, 'expanded'), { recursive: true });
  const file = await open(temporary, 'w').catch((error: unknown) => {
    throw translateFileError(error, temporary);
  });
  try {
    const stored = input.kind === 'deb' ? await expandDeb(store, input, file) : await expandNode(store, input, file);
    await file.sync();
    await file.close();
    await rename(temporary, path);
    return stored;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw translateFileError(error, path);
  }
}

async function expandDeb(store: LayoutStore, input: Input, file: FileHandle): Promise<StoredExpansion> {
  const name = describeInput(input);
  if (input.size > maxDebBytes) throw new Failure('ARCHIVE_HOSTILE', `${name} is larger than ${maxDebBytes} bytes`);
  await proveBlob(store, input.digest, input.size);
  const deb = await readDeb(await readFile(store.blobPath(input.digest)), name);
  const { entries, sizeBytes } = await copyMembers(deb.data({ name, ...limits }), file, { rename: (path) => path });
  return { sizeBytes, entries, control: Object.fromEntries(deb.control) };
}

/** Of a Node.js tarball only the binary and the licence are kept: headers, documents and npm belong to other variants. */
async function expandNode(store: LayoutStore, input: Input, file: FileHandle): Promise<StoredExpansion> {
  const name = describeInput(input);
  await proveBlob(store, input.digest, input.size);
  const source = createReadStream(store.blobPath(input.digest), { highWaterMark: 1 << 18 }).pipe(
    createGunzip({ chunkSize: 1 << 18 }),
  );
  const wanted = new Set(['bin/node', 'LICENSE']);
  const { entries, sizeBytes } = await copyMembers(readTar(source, { name, ...limits }), file, {
    rename(path) {
      const inside = path.slice(path.indexOf('/') + 1);
      return wanted.has(inside) ? inside : undefined;
    },
    // The digest was proven above; what comes after the last wanted file is never used.
    isDone: (found) => found === wanted.size,
  });
  source.destroy();
  for (const path of wanted) {
    if (!entries.some((member) => member.entry.path === path))
      throw new Failure('SOURCE_INVALID', `${name} has no ${path}`, {
        hint: 'the source does not carry a Node.js distribution',
      });
  }
  return { sizeBytes, entries, control: {} };
}

async function proveBlob(store: LayoutStore, digest: Digest, size: number): Promise<void> {
  for await (const chunk of store.openBlob({ digest, size })) void chunk;
}

interface CopyOptions {
  /** The path to keep a member under, or undefined to leave it out. */
  readonly rename: (path: string) => string | undefined;
  readonly isDone?: (kept: number) => boolean;
}

async function copyMembers(members: AsyncGenerator<TarMember>, file: FileHandle, { rename, isDone }: CopyOptions) {
  const entries: ExpandedEntry[] = [];
  let offset = 0;
  for await (const { entry, content } of members) {
    const path = rename(entry.path);
    if (path === undefined) continue;
    entries.push({ entry: { ...entry, path }, offset });
    if (entry.kind === 'file') {
      for await (const chunk of content()) {
        await file.write(chunk);
        offset += chunk.length;
      }
    }
    if (isDone?.(entries.length)) break;
  }
  return { entries, sizeBytes: offset };
}
