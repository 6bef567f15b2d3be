import type { Digest } from '../../core/digest.ts';

/** What an image is made of, from which each SBOM format is written. */
export interface SbomModel {
  /** Repository or cell name; the digest is the identity. */
  readonly name: string;
  readonly digest: Digest;
  readonly platform: string;
  readonly release: string;
  /** ISO time: when the inputs were made, never when this was written. */
  readonly created: string;
  /** Sorted by their references. */
  readonly components: readonly SbomComponent[];
  readonly files: FileAccount;
}

export interface SbomComponent {
  readonly kind: 'system' | 'deb' | 'node' | 'nested' | 'npm' | 'file';
  /** Unique in the document. */
  readonly ref: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly licenses: readonly string[];
  readonly supplier?: string;
  /** Reference of the component that this one is a part of. */
  readonly partOf?: string;
  /** Debian source package, which vulnerabilities are filed under. */
  readonly source?: { readonly name: string; readonly version: string; readonly suite: string };
  /** How many regular files of the image belong to it, and one digest over their paths and digests. */
  readonly files?: { readonly count: number; readonly digest: Digest };
  readonly sha256?: string;
}

/** Every regular file of the image is somebody's, or is listed as a component of its own. */
export interface FileAccount {
  readonly total: number;
  readonly owned: number;
  readonly listed: number;
}
