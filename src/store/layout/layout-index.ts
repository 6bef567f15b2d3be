import { join } from 'node:path';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists, writeFileAtomic } from '../../core/files.ts';
import { parseJson } from '../../core/json.ts';
import { withProcessLock } from '../../core/process-lock.ts';
import { IndexSchema, type Descriptor, type ImageIndex } from '../../formats/oci/descriptor.ts';
import { isIndexType, mediaTypes } from '../../formats/oci/media-types.ts';
import { settledMarkOfFile } from './marks.ts';

export const refName = 'org.opencontainers.image.ref.name';
/** In the list, so that the referrers of a digest are found without reading all there are. */
export const subjectName = 'io.nodeworthy.subject';

/** What a layout lists, found by name. */
export interface LayoutIndex {
  readonly manifests: readonly Descriptor[];
  readonly byDigest: ReadonlyMap<string, Descriptor>;
  readonly byTag: ReadonlyMap<string, Descriptor>;
  /** Artifacts whose subject and type the list says. */
  readonly bySubject: ReadonlyMap<string, readonly Descriptor[]>;
  /** Manifests without a tag of which the list does not say both: their bytes do. */
  readonly unnoted: readonly Descriptor[];
}

export interface LayoutIndexFile {
  read(): Promise<LayoutIndex>;
  /** Changes the list under a lock between processes: readers and a crash see the old or the new one. */
  change(change: (manifests: readonly Descriptor[]) => readonly Descriptor[]): Promise<void>;
}

/**
 * The list of a layout (image spec, "index.json File"). A run asks it for each tag and each referrer, and its size grows
 * with the cells: it is read again when the file was touched, and not before.
 */
export function openLayoutIndex(folder: string, lockPath: string): LayoutIndexFile {
  const path = join(folder, 'index.json');
  let cached: { readonly text: string; readonly document: ImageIndex; readonly index: LayoutIndex } | undefined;
  let mark: string | undefined;

  async function load(): Promise<{
    readonly text?: string;
    readonly document: ImageIndex;
    readonly index: LayoutIndex;
  }> {
    // Before the bytes are read: a list that is replaced meanwhile has another mark.
    const found = settledMarkOfFile(path);
    const text = await readTextIfExists(path);
    if (text === undefined) {
      const document = { schemaVersion: 2 as const, mediaType: mediaTypes.index, manifests: [] };
      return { document, index: listedIn(document) };
    }
    if (cached?.text !== text) {
      const document = parseIndex(text, path);
      cached = { text, document, index: listedIn(document) };
    }
    mark = found;
    return cached;
  }

  return {
    async read() {
      if (cached && mark !== undefined && mark === settledMarkOfFile(path)) return cached.index;
      return (await load()).index;
    },
    async change(change) {
      await withProcessLock(lockPath, async () => {
        // What is written rests on what is there, whatever its mark says.
        const before = await load();
        const manifests = sortEntries(change(before.document.manifests));
        const text = canonicalJson({ ...before.document, mediaType: mediaTypes.index, manifests });
        if (text !== before.text) await writeFileAtomic(path, text);
      });
    },
  };
}

function listedIn({ manifests }: ImageIndex): LayoutIndex {
  const byDigest = new Map<string, Descriptor>();
  const byTag = new Map<string, Descriptor>();
  const bySubject = new Map<string, Descriptor[]>();
  const unnoted: Descriptor[] = [];
  for (const entry of manifests) {
    if (!byDigest.has(entry.digest)) byDigest.set(entry.digest, entry);
    const tag = entry.annotations?.[refName];
    if (tag !== undefined && !byTag.has(tag)) byTag.set(tag, entry);
    if (tag !== undefined || isIndexType(entry.mediaType)) continue;
    const subject = entry.annotations?.[subjectName];
    if (subject === undefined || entry.artifactType === undefined) unnoted.push(entry);
    else {
      const others = bySubject.get(subject);
      if (others) others.push(entry);
      else bySubject.set(subject, [entry]);
    }
  }
  return { manifests, byDigest, byTag, bySubject, unnoted };
}

function parseIndex(text: string, path: string): ImageIndex {
  try {
    return IndexSchema.parse(parseJson(text));
  } catch (error) {
    throw new Failure('STORE_DAMAGED', `${path} is not an OCI image index`, {
      hint: 'some other program wrote to the store; move the store away and run again',
      cause: error,
    });
  }
}

function sortEntries(entries: readonly Descriptor[]): Descriptor[] {
  const key = (entry: Descriptor): string => `${entry.annotations?.[refName] ?? '~'} ${entry.digest}`;
  return [...entries].sort((a, b) => compareText(key(a), key(b)));
}
