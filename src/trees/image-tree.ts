import { Failure } from '../core/errors.ts';
import type { Digest } from '../core/digest.ts';
import type { DeviceKind } from '../formats/tar/entry.ts';
import { parentsOf } from '../formats/tar/path.ts';

/** Where a file's bytes are: in memory, or a range of an expanded input. */
export type FileContent =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'slice'; readonly input: Digest; readonly offset: number; readonly sizeBytes: number };

interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

export type TreeNode =
  | (Ownership & {
      readonly kind: 'file';
      readonly content: FileContent;
      readonly xattrs?: Readonly<Record<string, Uint8Array>>;
    })
  | (Ownership & { readonly kind: 'directory'; readonly xattrs?: Readonly<Record<string, Uint8Array>> })
  | (Ownership & { readonly kind: DeviceKind; readonly device: { readonly major: number; readonly minor: number } })
  | (Ownership & { readonly kind: 'symlink'; readonly target: string })
  | (Ownership & { readonly kind: 'hardlink'; readonly target: string });

export interface TreeEntry {
  readonly path: string;
  readonly node: TreeNode;
}

/** One layer's files before they are bytes: a path can only be there once, parents always exist. */
export class ImageTree {
  readonly #nodes = new Map<string, TreeNode>();
  /** Time of folders that are made only because something lies in them. */
  readonly #impliedMtime: number;

  constructor(impliedMtime: number) {
    this.#impliedMtime = impliedMtime;
  }

  get(path: string): TreeNode | undefined {
    return this.#nodes.get(path);
  }

  has(path: string): boolean {
    return this.#nodes.has(path);
  }

  /** Adds or replaces; folders merge, anything else of another kind at the path or as a parent is a conflict. */
  set(path: string, node: TreeNode): void {
    for (const parent of parentsOf(path)) {
      const found = this.#nodes.get(parent);
      if (found === undefined)
        this.#nodes.set(parent, { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: this.#impliedMtime });
      else if (found.kind !== 'directory') throw conflict(path, `${parent} is a ${found.kind}`);
    }
    const existing = this.#nodes.get(path);
    if (existing?.kind === 'directory' && node.kind !== 'directory') throw conflict(path, 'it is a folder already');
    this.#nodes.set(path, node);
  }

  delete(path: string): void {
    this.#nodes.delete(path);
  }

  /** In byte order of the paths: parents before children, the same on every machine. */
  entries(): TreeEntry[] {
    const paths = [...this.#nodes.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return paths.map((path) => ({ path, node: this.#nodes.get(path) as TreeNode }));
  }
}

/**
 * Hard links in one form: of the paths that share a file, the first in order carries the bytes and the others name it.
 * @throws Failure SOURCE_INVALID for a link to a file that is not in the tree
 */
export function normaliseHardlinks(tree: ImageTree): void {
  const groups = new Map<string, string[]>();
  for (const { path, node } of tree.entries()) {
    if (node.kind !== 'hardlink') continue;
    const root = rootOf(tree, path);
    groups.set(root, [...(groups.get(root) ?? []), path]);
  }
  for (const [root, links] of groups) {
    const file = tree.get(root);
    if (file?.kind !== 'file')
      throw new Failure('SOURCE_INVALID', `${links[0]} is a hard link to ${root}, which is not in the image`);
    const [first, ...others] = [root, ...links].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    tree.set(String(first), file);
    for (const other of others)
      tree.set(other, {
        kind: 'hardlink',
        target: String(first),
        mode: file.mode,
        uid: file.uid,
        gid: file.gid,
        mtime: file.mtime,
      });
  }
}

function rootOf(tree: ImageTree, path: string): string {
  let at = path;
  for (let hops = 0; hops < 40; hops++) {
    const node = tree.get(at);
    if (node?.kind !== 'hardlink') return at;
    at = node.target;
  }
  throw new Failure('SOURCE_INVALID', `${path} is a hard link in a circle`);
}

export function generatedFile(text: string | Buffer, mtime: number, mode = 0o644): TreeNode {
  return { kind: 'file', mode, uid: 0, gid: 0, mtime, content: { kind: 'bytes', bytes: Buffer.from(text) } };
}

export function folder(
  mode: number,
  mtime: number,
  owner: { uid: number; gid: number } = { uid: 0, gid: 0 },
): TreeNode {
  return { kind: 'directory', mode, mtime, ...owner };
}

export function symlink(target: string, mtime: number): TreeNode {
  return { kind: 'symlink', target, mode: 0o777, uid: 0, gid: 0, mtime };
}

export function contentSize(content: FileContent): number {
  return content.kind === 'bytes' ? content.bytes.length : content.sizeBytes;
}

function conflict(path: string, why: string): Failure {
  return new Failure('SOURCE_INVALID', `two inputs disagree about /${path}: ${why}`, {
    hint: 'report the two packages; assembly needs a rule for them',
  });
}
