import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { digestOf, hexOf, isDigest, type Digest } from '../../core/digest.ts';
import { digestOfFile } from '../../core/digest-file.ts';
import { Failure, systemCode, translateFileError } from '../../core/errors.ts';
import { privateFolder, readSmallFile, readTextIfExists, syncFolder, writeFileAtomic } from '../../core/files.ts';
import { parseJson } from '../../core/json.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { describeManifest } from '../manifest.ts';
import { blobOfBytes, notTheBytes, verified } from '../read-blob.ts';
import type { BlobSource, Store, StoredManifest, TagMove } from '../store.ts';
import { openLayoutIndex, refName, subjectName } from './layout-index.ts';
import { markOfFile, sizeOfFile } from './marks.ts';
import { openSealKey, sealKeyPath, stateOfUser } from './seal-key.ts';
import { sealedNotes, type SealedNotes } from './sealed-notes.ts';

/** An image layout, and what only a folder on this machine can offer. */
export interface LayoutStore extends Store {
  readonly folder: string;
  /** Folder of our own beside the blobs: caches, journals and records that can be made again from the layout. */
  readonly stateFolder: string;
  /** What was found out before about this store, believed only when it was noted here. */
  readonly notes: SealedNotes;
  blobPath(digest: Digest): string;
  /** Takes over a file whose digest the caller has just computed. */
  adoptFile(path: string, digest: Digest): Promise<void>;
  /** A new file name in the store's own file system, for a later {@link adoptFile}. */
  temporaryPath(): Promise<string>;
  listEntries(): Promise<readonly Descriptor[]>;
  /** Makes a manifest reachable without a tag, so that no clean-up takes it. */
  keep(descriptor: Descriptor): Promise<void>;
}

/**
 * Opens, or starts, an OCI image layout (image spec, "Image Layout"). Blobs appear by rename after fsync, `index.json`
 * changes by rename under a lock between processes: a reader and a crash see the old or the new state, nothing else.
 */
export async function openLayoutStore(
  folder: string,
  {
    readOnly = false,
    env = process.env,
  }: { readonly readOnly?: boolean; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<LayoutStore> {
  const blobs = join(folder, 'blobs', 'sha256');
  const stateFolder = join(folder, '.nodeworthy');
  const lockPath = join(stateFolder, 'index.lock');
  // A layout of somebody else is read as it is.
  if (!readOnly) await prepare(folder, [blobs, stateFolder]);
  const list = openLayoutIndex(folder, lockPath);
  const waiting: Descriptor[] = [];
  let writing: Promise<void> = Promise.resolve();

  const begun = join(stateOfUser(env), 'begun');
  const notes = sealedNotes(stateFolder, () => openSealKey(sealKeyPath(env)), begun);
  const blobPath = (digest: Digest): string => join(blobs, hexOf(digest));

  /**
   * Whether a blob's file holds what its name says. It is read once, and again when it was touched since; one that is
   * damaged is taken away, so that whoever needs it makes or fetches it again.
   */
  async function isWhole(digest: Digest): Promise<boolean> {
    const path = blobPath(digest);
    if (readOnly) return true;
    const mark = markOfFile(path);
    if (mark === undefined) return false;
    if ((await notes.read('blobs', hexOf(digest))) === mark) return true;
    if ((await hashBlob(path, digest, folder)).digest !== digest) {
      // Another run may have put a good one there meanwhile.
      if (markOfFile(path) === mark) await rm(path, { force: true });
      return false;
    }
    if (markOfFile(path) === mark) await notes.write('blobs', hexOf(digest), mark, { durable: false });
    return true;
  }

  async function adoptFile(path: string, digest: Digest): Promise<void> {
    try {
      await rename(path, blobPath(digest));
      await syncFolder(blobs);
      const mark = markOfFile(blobPath(digest));
      if (mark !== undefined) await notes.write('blobs', hexOf(digest), mark, { durable: false });
    } catch (error) {
      throw translateFileError(error, blobPath(digest));
    }
  }

  async function findManifest(reference: string): Promise<Descriptor | undefined> {
    const { byDigest, byTag } = await list.read();
    return (isDigest(reference) ? byDigest : byTag).get(reference);
  }

  const store: LayoutStore = {
    location: folder,
    folder,
    stateFolder,
    notes,
    blobPath,
    adoptFile,
    temporaryPath: async () => join(stateFolder, 'tmp', `${process.pid}-${randomUUID()}`),
    async hasBlob(digest, size) {
      const found = sizeOfFile(blobPath(digest));
      return found !== undefined && (size === undefined || found === size) && (await isWhole(digest));
    },
    openBlob: ({ digest, size }) =>
      verified(readChunks(blobPath(digest), digest, folder), { digest, size, from: folder }),
    async proveBlob({ digest, size }) {
      const found = await hashBlob(blobPath(digest), digest, folder);
      if (found.digest !== digest || found.size !== size) throw notTheBytes({ digest, size, from: folder }, found);
    },
    async putBlob(source: BlobSource) {
      if (await store.hasBlob(source.digest, source.size)) return 'present';
      const path = join(stateFolder, 'tmp', `${process.pid}-${randomUUID()}`);
      try {
        await writeVerified(path, source);
        await adoptFile(path, source.digest);
      } catch (error) {
        await rm(path, { force: true });
        throw translateFileError(error, blobPath(source.digest));
      }
      return 'stored';
    },
    async getManifest(reference): Promise<StoredManifest | undefined> {
      const entry = await findManifest(reference);
      const digest = entry?.digest ?? (isDigest(reference) ? reference : undefined);
      if (digest === undefined) return undefined;
      if (sizeOfFile(blobPath(digest)) === undefined) {
        if (entry)
          throw new Failure('STORE_DAMAGED', `${folder}: ${digest} is in the index, but its bytes are gone`, {
            hint: 'build again; the store heals itself',
          });
        return undefined;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of verified(readChunks(blobPath(digest), digest, folder), { digest, from: folder }))
        chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const mediaType = entry?.mediaType ?? mediaTypeOf(bytes);
      return { descriptor: describeManifest(bytes, mediaType), bytes };
    },
    async putManifest(bytes, mediaType) {
      const descriptor = describeManifest(bytes, mediaType);
      await store.putBlob(blobOfBytes(bytes));
      const subject = subjectOf(bytes);
      if (subject !== undefined)
        await store.keep({
          ...descriptor,
          artifactType: artifactTypeOf(bytes),
          annotations: { [subjectName]: subject },
        });
      return descriptor;
    },
    async resolveTag(tag) {
      const entry = await findManifest(tag);
      return entry && { mediaType: entry.mediaType, digest: entry.digest, size: entry.size };
    },
    async listTags() {
      const { byTag } = await list.read();
      return [...byTag.keys()].sort(compareText);
    },
    async moveTags(moves: readonly TagMove[]) {
      for (const { to, tag } of moves) {
        if (!(await store.hasBlob(to.digest)))
          throw new Failure('NOT_FOUND', `${folder} has no manifest ${to.digest} for the tag ${tag}`);
      }
      const moved = new Set(moves.map((move) => move.tag));
      await list.change((entries) => [
        ...entries.filter((entry) => !moved.has(entry.annotations?.[refName] ?? '')),
        ...moves.map(({ tag, to }) => ({
          mediaType: to.mediaType,
          digest: to.digest,
          size: to.size,
          annotations: { [refName]: tag },
        })),
      ]);
    },
    async removeTags(tags) {
      const gone = new Set(tags);
      await list.change((entries) => entries.filter((entry) => !gone.has(entry.annotations?.[refName] ?? '')));
    },
    async listReferrers(subject, artifactType) {
      const { bySubject, unnoted } = await list.read();
      const noted = bySubject.get(subject) ?? [];
      const found = noted.filter((entry) => artifactType === undefined || entry.artifactType === artifactType);
      for (const entry of unnoted) {
        if (artifactType !== undefined && entry.artifactType !== undefined && entry.artifactType !== artifactType)
          continue;
        // Other tools list referrers without their type.
        const head = readHead(await readFile(blobPath(entry.digest)));
        const type = entry.artifactType ?? head.artifactType;
        if (head.subject?.digest === subject && (artifactType === undefined || type === artifactType))
          found.push(entry);
      }
      return found;
    },
    listEntries: async () => (await list.read()).manifests,
    async keep(descriptor) {
      const { manifests } = await list.read();
      if (manifests.some((entry) => entry.digest === descriptor.digest && entry.annotations?.[refName] === undefined))
        return;
      // Whoever comes while the list is being written goes into the next writing together with the others.
      waiting.push(descriptor);
      writing = writing.then(async () => {
        const batch = new Map(waiting.splice(0).map((entry) => [entry.digest, entry]));
        if (batch.size === 0) return;
        try {
          await list.change((entries) => [
            ...entries.filter((entry) => !batch.has(entry.digest) || entry.annotations?.[refName] !== undefined),
            ...batch.values(),
          ]);
        } catch (error) {
          // Nobody may take what was not written for written.
          waiting.unshift(...batch.values());
          throw error;
        }
      });
      const own = writing;
      writing = own.catch(() => {});
      await own;
    },
  };
  return store;
}

async function prepare(folder: string, folders: readonly string[]): Promise<void> {
  try {
    for (const path of folders) await mkdir(path, { recursive: true });
    await privateFolder(join(folder, '.nodeworthy', 'tmp'));
    // `wx`-like creation by link: two first runs at once write the same content, and one of them wins.
    const marker = join(folder, 'oci-layout');
    if ((await readTextIfExists(marker)) === undefined) await writeFileAtomic(marker, '{"imageLayoutVersion":"1.0.0"}');
    const index = join(folder, 'index.json');
    if ((await readTextIfExists(index)) === undefined) {
      const first = join(folder, '.nodeworthy', 'tmp', randomUUID());
      await writeFileAtomic(first, canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
      await link(first, index).catch((error: unknown) => {
        if (systemCode(error) !== 'EEXIST') throw error;
      });
      await rm(first, { force: true });
    }
  } catch (error) {
    const translated = translateFileError(error, folder);
    if (translated instanceof Failure) throw translated;
    throw new Failure(
      'FILE_UNUSABLE',
      `${folder} cannot become an image store: ${systemCode(error) ?? String(error)}`,
      {
        hint: 'choose another folder with --store or NODEWORTHY_STORE',
        cause: error,
      },
    );
  }
}

async function writeVerified(path: string, source: BlobSource): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of verified(source.open(), { digest: source.digest, size: source.size, from: 'source' })) {
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Bytes of a small blob; undefined for a large one. @throws Failure NOT_FOUND */
function readSmallBlob(path: string, digest: Digest, folder: string): Buffer | undefined {
  const small = readSmallFile(path, { followLinks: true });
  if (small === undefined) throw new Failure('NOT_FOUND', `${folder} has no blob ${digest}`);
  return small === 'large' ? undefined : small;
}

async function hashBlob(path: string, digest: Digest, folder: string): ReturnType<typeof digestOfFile> {
  const small = readSmallBlob(path, digest, folder);
  if (small) return { digest: digestOf(small), size: small.length };
  try {
    return await digestOfFile(path);
  } catch (error) {
    throw translateFileError(error, path);
  }
}

async function* readChunks(path: string, digest: Digest, folder: string): AsyncGenerator<Buffer> {
  const small = readSmallBlob(path, digest, folder);
  if (small) {
    yield small;
    return;
  }
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) yield chunk as Buffer;
  } catch (error) {
    throw translateFileError(error, path);
  }
}

interface ManifestHead {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly subject?: { readonly digest?: string };
}

function readHead(bytes: Buffer): ManifestHead {
  try {
    return parseJson(bytes.toString('utf8')) as ManifestHead;
  } catch {
    return {};
  }
}

const mediaTypeOf = (bytes: Buffer): string => readHead(bytes).mediaType ?? mediaTypes.manifest;
const subjectOf = (bytes: Buffer): string | undefined => readHead(bytes).subject?.digest;
const artifactTypeOf = (bytes: Buffer): string | undefined => readHead(bytes).artifactType;
