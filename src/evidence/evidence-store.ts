import { mapConcurrent } from '../core/concurrency.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { bundleBytes, bundleMediaType, type Bundle } from '../formats/attestation/bundle.ts';
import { predicateTypes, type PredicateKind } from '../formats/attestation/predicates.ts';
import { artifactManifestBytes } from '../formats/oci/artifact-manifest.ts';
import { emptyConfigBytes, type Descriptor } from '../formats/oci/descriptor.ts';
import { mediaTypes } from '../formats/oci/media-types.ts';
import { parseManifest } from '../store/manifest.ts';
import { sealAnnotation } from '../store/layout/sealed-notes.ts';
import { blobOfBytes, readBlob } from '../store/read-blob.ts';
import type { Store } from '../store/store.ts';

/** Digest of what a statement was made from: the next run knows without reading it that nothing changed. */
export const inputsAnnotation = 'io.nodeworthy.inputs';
const typeAnnotation = 'dev.sigstore.bundle.predicateType';
/** The largest that a build makes has a tenth of it. Whoever may push may attach more, and nobody reads that. */
export const maxBundleBytes = 32 << 20;
/** Over all bundles of a digest: a list that somebody filled is not read in part, because what stops may be at its end. */
const maxEvidenceBytes = 512 << 20;

export interface SignedEvidence {
  readonly kind: PredicateKind;
  readonly bundle: Bundle;
  readonly createdOn: Date;
  readonly inputs: Digest;
  /** Of whoever signs, over the inputs and the bundle: anybody can attach an old statement and say that its inputs are new. */
  readonly seal?: (bundle: Digest) => Promise<string>;
}

/**
 * Attaches bundles to a subject as cosign 3 and others look for them: one artifact manifest per bundle, with the
 * bundle as its only layer, the empty configuration, and the subject with its size (image spec, "Guidelines for
 * Artifact Usage"; cosign, bundle specification). All are read back: a registry that lost one is found out here.
 */
export async function attachEvidence(
  store: Store,
  subject: Descriptor,
  evidence: readonly SignedEvidence[],
): Promise<Descriptor[]> {
  if (evidence.length === 0) return [];
  await store.putBlob(blobOfBytes(emptyConfigBytes));
  const attached = await mapConcurrent(evidence, 8, async (item) => {
    const bytes = bundleBytes(item.bundle);
    await store.putBlob(blobOfBytes(bytes));
    const seal = await item.seal?.(digestOf(bytes));
    return await store.putManifest(manifestOf(subject, item, bytes, seal), mediaTypes.manifest);
  });
  await requireAttached(store, subject.digest, attached);
  return attached;
}

function manifestOf(
  subject: Descriptor,
  { kind, createdOn, inputs }: SignedEvidence,
  bytes: Buffer,
  seal: string | undefined,
): Buffer {
  return artifactManifestBytes({
    artifactType: bundleMediaType,
    layers: [{ mediaType: bundleMediaType, digest: digestOf(bytes), size: bytes.length }],
    subject,
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      [typeAnnotation]: predicateTypes[kind],
      'org.opencontainers.image.created': createdOn.toISOString(),
      [inputsAnnotation]: inputs,
      ...(seal === undefined ? {} : { [sealAnnotation]: seal }),
    },
  });
}

/** @throws Failure REGISTRY_INVALID when one is not listed after it was stored */
async function requireAttached(store: Store, subject: Digest, attached: readonly Descriptor[]): Promise<void> {
  const listed = new Set((await store.listReferrers(subject, bundleMediaType)).map(({ digest }) => digest));
  const lost = attached.filter(({ digest }) => !listed.has(digest));
  if (lost.length === 0) return;
  throw new Failure(
    'REGISTRY_INVALID',
    `${store.location} does not list ${lost.length} of ${attached.length} referrers of ${subject} after they were stored`,
    { hint: 'another writer may have overwritten them: run again; if it stays so, look at the registry' },
  );
}

export interface ListedEvidence {
  /** The artifact manifest. */
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly bundle: Descriptor;
  readonly inputs: string | undefined;
  readonly seal: string | undefined;
}

export interface StoredEvidence extends ListedEvidence {
  readonly bytes: Buffer;
}

/** Every bundle on a subject, with its bytes. @throws Failure as {@link eachEvidence} */
export async function readEvidence(store: Store, subject: Digest): Promise<StoredEvidence[]> {
  const found = await eachEvidence(store, subject, async (item) => item);
  return found.flatMap((item) => ('bytes' in item ? [item] : []));
}

/**
 * Reads every bundle on a subject one after the other, a few at a time: what `use` does not keep is not kept in memory.
 * One that is too large to be a statement is passed on without its bytes.
 * @param without digests of artifact manifests that are known already
 * @throws Failure STORE_DAMAGED when there is more than anybody has to say of a digest
 */
export async function eachEvidence<T>(
  store: Store,
  subject: Digest,
  use: (item: StoredEvidence | ListedEvidence) => Promise<T>,
  without?: ReadonlySet<string>,
): Promise<T[]> {
  const listed = await listEvidence(store, subject, without);
  const readable = listed.filter(({ bundle }) => bundle.size <= maxBundleBytes);
  const total = readable.reduce((sum, { bundle }) => sum + bundle.size, 0);
  if (total > maxEvidenceBytes)
    throw new Failure(
      'STORE_DAMAGED',
      `${store.location}: ${listed.length} referrers of ${subject} have ${total} bytes, at most ${maxEvidenceBytes} are read`,
      { hint: 'somebody has filled the list: take away what does not belong there' },
    );
  return await mapConcurrent(listed, 4, async (item) =>
    use(
      item.bundle.size > maxBundleBytes ? item : { ...item, bytes: await readBlob(store, item.bundle, maxBundleBytes) },
    ),
  );
}

/**
 * Every bundle on a subject. "There is none" is an empty list; "could not look" is a failure, and so is a referrer
 * that is listed and cannot be read.
 */
export async function listEvidence(
  store: Store,
  subject: Digest,
  without: ReadonlySet<string> = new Set(),
): Promise<ListedEvidence[]> {
  const all = await store.listReferrers(subject, bundleMediaType);
  const listed = all.filter(({ digest }) => !without.has(digest));
  const found = await mapConcurrent(listed, 8, async (entry): Promise<ListedEvidence | undefined> => {
    const stored = await store.getManifest(entry.digest);
    if (!stored)
      throw new Failure('NOT_FOUND', `${store.location} lists the referrer ${entry.digest} and does not have it`, {
        hint: 'evidence is damaged there; publish again, or look at the store',
      });
    const manifest = parseManifest(stored.bytes);
    const [layer] = manifest?.layers ?? [];
    // A registry may list what names another subject: that is not evidence of this one.
    if (!manifest || !layer || manifest.subject?.digest !== subject) return undefined;
    const { annotations } = manifest;
    return {
      manifest: stored.descriptor,
      manifestBytes: stored.bytes,
      bundle: layer,
      inputs: annotations?.[inputsAnnotation],
      seal: annotations?.[sealAnnotation],
    };
  });
  return found.flatMap((item) => item ?? []);
}

export interface SomeEvidence {
  readonly kinds: ReadonlySet<PredicateKind>;
  readonly wants: (bytes: Buffer, subject: Digest) => Promise<boolean>;
}

/** What a store listed for digests a moment ago. */
export type ListedReferrers = ReadonlyMap<Digest, readonly Descriptor[]>;

export interface CopyEvidenceOptions {
  /** Which bundles; all without it. */
  readonly some?: SomeEvidence;
  /** What the target was found to list: it is not asked again. What came there meanwhile is sent once more at worst. */
  readonly there?: ListedReferrers;
}

/** By the list alone: whoever writes another kind there than a statement has keeps his own from being found. */
function isOther({ annotations }: Descriptor, kinds: ReadonlySet<PredicateKind>): boolean {
  const type = annotations?.[typeAnnotation];
  return type !== undefined && ![...kinds].some((kind) => predicateTypes[kind] === type);
}

const toDigest = ({ digest }: Descriptor): Digest => digest;

/**
 * Copies the bundles of subjects as they are; what the target has is not sent again.
 * @returns with what the source lists
 */
export async function copyEvidence(
  from: Store,
  to: Store,
  subjects: readonly Digest[],
  { some, there: known }: CopyEvidenceOptions = {},
): Promise<{ readonly copied: number; readonly listed: ListedReferrers }> {
  const lists = new Map<Digest, readonly Descriptor[]>();
  const counts = await mapConcurrent(subjects, 3, async (subject) => {
    const [listed, there] = await Promise.all([
      from.listReferrers(subject, bundleMediaType),
      known?.get(subject) ?? to.listReferrers(subject, bundleMediaType),
    ]);
    lists.set(subject, listed);
    // Nothing is read of what is there already, or says that it is of another kind.
    const have = new Set([...there, ...listed.filter((item) => some && isOther(item, some.kinds))].map(toDigest));
    if (listed.every(({ digest }) => have.has(digest))) return 0;
    const look = async (item: StoredEvidence | ListedEvidence): Promise<StoredEvidence | undefined> =>
      'bytes' in item && (!some || (await some.wants(item.bytes, subject))) ? item : undefined;
    const found = await eachEvidence(from, subject, look, have);
    const missing = found.flatMap((item) => item ?? []);
    if (missing.length === 0) return 0;
    await to.putBlob(blobOfBytes(emptyConfigBytes));
    const attached = await mapConcurrent(missing, 8, async ({ manifest, manifestBytes, bytes }) => {
      await to.putBlob(blobOfBytes(bytes));
      return await to.putManifest(manifestBytes, manifest.mediaType);
    });
    await requireAttached(to, subject, attached);
    return attached.length;
  });
  const copied = counts.reduce((sum, count) => sum + count, 0);
  return { copied, listed: lists };
}
