import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';

export interface BlobSource {
  readonly digest: Digest;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

export interface StoredManifest {
  readonly descriptor: Descriptor;
  /** The exact bytes: they are never parsed and written again. */
  readonly bytes: Buffer;
}

export interface TagMove {
  readonly tag: string;
  readonly to: Descriptor;
}

/**
 * Content-addressed blobs, manifests and tags: an image layout, a registry's repository and memory look the same.
 * Every implementation proves the digest of all it returns and of all it is given.
 */
export interface Store {
  /** Where it is, for people. */
  readonly location: string;
  hasBlob(digest: Digest, size?: number): Promise<boolean>;
  /** Fails with INTEGRITY at the end when the bytes were not those of the digest. */
  openBlob(descriptor: Pick<Descriptor, 'digest' | 'size'>): AsyncIterable<Uint8Array>;
  /** Where proving a blob takes less than handing it out. */
  proveBlob?(descriptor: Pick<Descriptor, 'digest' | 'size'>): Promise<void>;
  /** Does nothing and answers `present` when the blob is there already. */
  putBlob(source: BlobSource): Promise<'stored' | 'present'>;
  /** Undefined when there is no such manifest; a failure when it could not be looked up. */
  getManifest(reference: Digest | string): Promise<StoredManifest | undefined>;
  putManifest(bytes: Buffer, mediaType: string): Promise<Descriptor>;
  resolveTag(tag: string): Promise<Descriptor | undefined>;
  listTags(): Promise<string[]>;
  /** Moves tags to manifests that are already stored. A layout moves all of them at once. */
  moveTags(moves: readonly TagMove[]): Promise<void>;
  /** Takes tags away; used to undo a publication that cannot be finished. */
  removeTags(tags: readonly string[]): Promise<void>;
  /** Manifests whose `subject` is the digest. */
  listReferrers(subject: Digest, artifactType?: string): Promise<Descriptor[]>;
}
