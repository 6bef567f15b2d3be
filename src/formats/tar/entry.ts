/** Only images of others have these. */
export type DeviceKind = 'character' | 'block' | 'fifo';

/** One entry of a tar archive as both our reader and our writer see it. Paths have no leading `./` or `/` and no trailing `/`. */
export interface TarEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | DeviceKind;
  /** Numbers of a device node. */
  readonly device?: { readonly major: number; readonly minor: number };
  /** Permission bits, set-id and sticky bits included: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Content length of a file in bytes, 0 for everything else. */
  readonly sizeBytes: number;
  /** Target of a symlink as written, or path of the file a hard link names. */
  readonly linkTarget?: string;
  /** Extended attributes, name to value. Only files that need them have any. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

export const tarBlockBytes = 512;
