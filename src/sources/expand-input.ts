import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { digestOf, hexOf, type Digest } from '../core/digest.ts';
import { Failure, translateFileError } from '../core/errors.ts';
import { SingleFlight } from '../core/concurrency.ts';
import { readDeb } from '../formats/deb/read-deb.ts';
import type { TarEntry } from '../formats/tar/entry.ts';
import { readTar, type TarMember } from '../formats/tar/read-tar.ts';
import { describeInput, type Input, type NodeInput } from './input.ts';
import { keptFolder, keptPath, noteKept, readKept, type KeptFile } from '../store/kept-files.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';

export interface ExpandedEntry {
  readonly entry: TarEntry;
  /** Where its content begins in the expanded file. */
  readonly offset: number;
}

/** An input unpacked into one plain file, with a list of what lies where: entries refer to bytes, nothing is copied again. */
export interface ExpandedInput {
  readonly input: Input;
  /** Names the expanded file in references: the input's digest, or one made of it for another part. */
  readonly content: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  readonly entries: readonly ExpandedEntry[];
  /** Control files of a Debian package by name; empty for others. */
  readonly control: Readonly<Record<string, string>>;
}

/** The expanded file, as contents are looked up. */
export function contentFile({ content, path }: ExpandedInput): { readonly digest: Digest; readonly path: string } {
  return { digest: content, path };
}

/** Newest modification time in whole seconds: what is made of these inputs cannot be older. */
export function newestTime(inputs: readonly ExpandedInput[]): number {
  return Math.max(0, ...inputs.flatMap((expanded) => expanded.entries.map(({ entry }) => entry.mtime)));
}

const limits = { maxEntries: 100_000, maxTotalBytes: 1 << 30 } as const;
const maxDebBytes = 512 << 20;
const flights = new SingleFlight<ExpandedInput>();

/** Bump when what is kept of an input changes: older expansions are then made again. */
const expansionVersion = 2;

interface StoredExpansion {
  readonly sizeBytes: number;
  readonly entries: readonly ExpandedEntry[];
  readonly control: Readonly<Record<string, string>>;
}

/** Which part of a Node.js distribution: the binary alone is at its front and quickly had. */
export type ExpandPart = 'binary' | 'development';

/** Expands an input once and keeps the result beside the store, by the input's digest. */
export function expandInput(store: LayoutStore, input: Input, part: ExpandPart = 'binary'): Promise<ExpandedInput> {
  const suffix = input.kind === 'node' && part === 'development' ? '-development' : '';
  const content = suffix === '' ? input.digest : digestOf(`${input.digest}${suffix}`);
  const kept: KeptFile = { kind: 'expanded', name: `${hexOf(input.digest)}-${expansionVersion}${suffix}` };
  const path = keptPath(store, kept);
  return flights.run(path, async () => {
    const known = await readKept(store, kept);
    if (known !== undefined) return { input, content, path, ...(JSON.parse(known) as StoredExpansion) };
    await keptFolder(store, kept.kind);
    const stored = await expand(store, input, { path, part });
    await noteKept(store, kept, JSON.stringify(stored));
    return { input, content, path, ...stored };
  });
}

async function expand(
  store: LayoutStore,
  input: Input,
  { path, part }: { readonly path: string; readonly part: ExpandPart },
): Promise<StoredExpansion> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o600).catch((error: unknown) => {
    throw translateFileError(error, temporary);
  });
  try {
    const stored = await expandKind(store, { input, part, file });
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

interface Expansion {
  readonly input: Input;
  readonly part: ExpandPart;
  readonly file: FileHandle;
}

async function expandKind(store: LayoutStore, { input, part, file }: Expansion): Promise<StoredExpansion> {
  switch (input.kind) {
    case 'deb':
      return await expandDeb(store, input, file);
    case 'node':
      return part === 'binary' ? await expandNode(store, input, file) : await expandDevelopment(store, input, file);
    case 'tool':
      return await expandTarball(store, input, { file, keep: () => true });
    case 'image':
      throw new TypeError('the layers of an image are read one by one');
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

/** Of a Node.js tarball the binary and the licence, with which each image begins. */
async function expandNode(store: LayoutStore, input: Input, file: FileHandle): Promise<StoredExpansion> {
  const name = describeInput(input);
  const wanted = new Set(['bin/node', 'LICENSE']);
  const expanded = await expandTarball(store, input, {
    file,
    keep: (path) => wanted.has(path),
    // The digest was proven before; what comes after the last wanted file is never used.
    isDone: (found) => found === wanted.size,
  });
  for (const path of wanted) {
    if (!expanded.entries.some((member) => member.entry.path === path))
      throw new Failure('SOURCE_INVALID', `${name} has no ${path}`, {
        hint: 'the source does not carry a Node.js distribution',
      });
  }
  return expanded;
}

/** OpenSSL's headers are there for each architecture, 58 MB in all: a platform needs its own. */
const opensslFolders: Readonly<Record<string, string>> = {
  'linux/amd64': 'linux-x86_64',
  'linux/arm64': 'linux-aarch64',
};

/** Headers of this platform, and npm and corepack where the tarball has them. */
async function expandDevelopment(store: LayoutStore, input: NodeInput, file: FileHandle): Promise<StoredExpansion> {
  const own = opensslFolders[input.platform];
  const expanded = await expandTarball(store, input, {
    file,
    keep(path) {
      const architecture = /^include\/node\/openssl\/archs\/([^/]+)/.exec(path)?.[1];
      if (architecture !== undefined) return architecture === own;
      return /^(?:include\/node|lib\/node_modules)(?:\/|$)/.test(path);
    },
  });
  if (!expanded.entries.some((member) => member.entry.path === 'include/node/node.h'))
    throw new Failure('SOURCE_INVALID', `${describeInput(input)} has no include/node/node.h`, {
      hint: 'the source does not carry the headers; build images need them',
    });
  return expanded;
}

/** A gzipped tarball whose files lie in one folder, which is left out of their paths. */
async function expandTarball(
  store: LayoutStore,
  input: Input,
  { file, keep, isDone }: { file: FileHandle; keep: (path: string) => boolean; isDone?: (kept: number) => boolean },
): Promise<StoredExpansion> {
  const name = describeInput(input);
  await proveBlob(store, input.digest, input.size);
  const source = createReadStream(store.blobPath(input.digest), { highWaterMark: 1 << 18 }).pipe(
    createGunzip({ chunkSize: 1 << 18 }),
  );
  const { entries, sizeBytes } = await copyMembers(distributionMembers(source, name), file, {
    rename(path) {
      const slash = path.indexOf('/');
      const inside = slash < 0 ? '' : path.slice(slash + 1);
      return inside !== '' && keep(inside) ? inside : undefined;
    },
    isDone,
  });
  source.destroy();
  return { sizeBytes, entries, control: {} };
}

/** Packages of some early releases hold the release's own archive, and nothing else of it. */
const innerArchive = /^[^/]+\/node-v[^/]+\.tar\.gz$/;

async function* distributionMembers(source: Readable, name: string): AsyncGenerator<TarMember> {
  for await (const member of readTar(source, { name, ...limits })) {
    if (member.entry.kind !== 'file' || !innerArchive.test(member.entry.path)) yield member;
    else
      yield* readTar(Readable.from(member.content()).pipe(createGunzip({ chunkSize: 1 << 18 })), { name, ...limits });
  }
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
