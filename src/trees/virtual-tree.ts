import { Failure } from '../core/errors.ts';
import { baseName, parentOf, resolveLink } from '../formats/tar/path.ts';
import type { TreeEntry, TreeNode } from './image-tree.ts';

/** A node without its path; paths that share one are hard links of each other. */
type Inode = Exclude<TreeNode, { kind: 'hardlink' }>;

interface Branch {
  inode: Inode;
  /** There only because something lies in it: no layer says what it is like. */
  isImplied?: boolean;
  readonly children: Map<string, Branch>;
}

const whiteoutPrefix = '.wh.';
const opaqueWhiteout = '.wh..wh..opq';
const maxHops = 40;

/**
 * The file system that layers make together, applied one after the other from the lowest (OCI image spec, "Applying
 * Changesets"): whiteouts act on the layers below only, a folder on a folder keeps what is in it, anything else takes
 * the place of what was there, and a parent that is a symlink below is followed inside of the image, as engines do it.
 */
export class VirtualTree {
  readonly #root: Branch = { inode: impliedFolder(0), children: new Map() };
  /** Bytes of files that a later layer replaced or took away. */
  wastedBytes = 0;

  /** @param lower finds the file that a hard link names in a layer below, which is not part of this tree */
  apply(entries: readonly TreeEntry[], lower?: (path: string) => Inode | undefined): void {
    for (const { path } of entries) if (isWhiteout(path)) this.#whiteOut(path);
    const links: TreeEntry[] = [];
    for (const entry of entries) {
      if (isWhiteout(entry.path)) continue;
      // Links last: the file they name may come later in the archive.
      if (entry.node.kind === 'hardlink') links.push(entry);
      else this.#add(entry.path, entry.node);
    }
    for (const { path, node } of links) if (node.kind === 'hardlink') this.#link(path, node.target, lower);
  }

  /** Entries in byte order of their paths; of paths that share a file the first has it, the others are hard links. */
  entries(): TreeEntry[] {
    return this.#list(true);
  }

  /** The same without the folders that no layer states. */
  statedEntries(): TreeEntry[] {
    return this.#list(false);
  }

  #list(withImplied: boolean): TreeEntry[] {
    const found: { path: string; inode: Inode }[] = [];
    collect(this.#root, '', { found, withImplied });
    found.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    const first = new Map<Inode, string>();
    return found.map(({ path, inode }) => {
      const target = inode.kind === 'directory' ? undefined : first.get(inode);
      if (target === undefined) {
        first.set(inode, path);
        return { path, node: inode };
      }
      const { mode, uid, gid, mtime } = inode;
      return { path, node: { kind: 'hardlink', target, mode, uid, gid, mtime } };
    });
  }

  get(path: string): Inode | undefined {
    return this.#find(path.split('/').filter(Boolean), 0)?.inode;
  }

  /** The path with every symlink on it followed, as far as it exists; what does not exist is taken as it is written. */
  realPath(path: string): string {
    let at = '';
    let parts = path.split('/').filter(Boolean);
    for (let hops = 0; parts.length > 0;) {
      const next = at === '' ? String(parts[0]) : `${at}/${parts[0]}`;
      parts = parts.slice(1);
      const inode = this.#find(next.split('/'), 0)?.inode;
      if (inode?.kind !== 'symlink' || hops++ >= maxHops) {
        at = next;
        continue;
      }
      parts = [...resolveLink(next, inode.target).split('/').filter(Boolean), ...parts];
      at = '';
    }
    return at;
  }

  /** Names of what lies directly in a folder, sorted. */
  list(path: string): string[] {
    return [...(this.#find(path.split('/').filter(Boolean), 0)?.children.keys() ?? [])].sort();
  }

  #add(path: string, inode: Inode): void {
    const parent = this.#parent(path, inode.mtime);
    const name = baseName(path);
    const known = parent.children.get(name);
    if (known && known.inode.kind === 'directory' && inode.kind === 'directory') {
      known.inode = inode;
      known.isImplied = false;
      return;
    }
    if (known) this.wastedBytes += bytesIn(known);
    parent.children.set(name, { inode, children: new Map() });
  }

  #link(path: string, target: string, lower?: (path: string) => Inode | undefined): void {
    const inode = this.#find(target.split('/'), 0)?.inode ?? lower?.(target);
    if (!inode || inode.kind === 'directory')
      throw new Failure('SOURCE_INVALID', `/${path} is a hard link to /${target}, which is not in the image`, {
        hint: 'the image is damaged; ask whoever made it',
      });
    const parent = this.#parent(path, inode.mtime);
    parent.children.set(baseName(path), { inode, children: new Map() });
  }

  #whiteOut(path: string): void {
    const parent = this.#findFolder(parentOf(path).split('/').filter(Boolean));
    if (!parent) return;
    const name = baseName(path);
    if (name === opaqueWhiteout) {
      for (const child of parent.children.values()) this.wastedBytes += bytesIn(child);
      parent.children.clear();
      return;
    }
    const gone = parent.children.get(name.slice(whiteoutPrefix.length));
    if (!gone) return;
    this.wastedBytes += bytesIn(gone);
    parent.children.delete(name.slice(whiteoutPrefix.length));
  }

  /** The folder a path lies in, made when it is missing; what is in its place and no folder gives way. */
  #parent(path: string, mtime: number): Branch {
    let at = this.#root;
    let walked: string[] = [];
    let parts = parentOf(path).split('/').filter(Boolean);
    for (let hops = 0; parts.length > 0;) {
      const name = String(parts[0]);
      parts = parts.slice(1);
      const known = at.children.get(name);
      if (known?.inode.kind === 'symlink' && hops++ < maxHops) {
        parts = [
          ...resolveLink([...walked, name].join('/'), known.inode.target)
            .split('/')
            .filter(Boolean),
          ...parts,
        ];
        at = this.#root;
        walked = [];
        continue;
      }
      if (known?.inode.kind === 'directory') at = known;
      else {
        if (known) this.wastedBytes += bytesIn(known);
        const made: Branch = { inode: impliedFolder(mtime), isImplied: true, children: new Map() };
        at.children.set(name, made);
        at = made;
      }
      walked.push(name);
    }
    return at;
  }

  /** The folder that a path means, a symlink at its end followed as well. */
  #findFolder(parts: readonly string[]): Branch | undefined {
    let found = this.#find(parts, 0);
    let at = parts.join('/');
    for (let hops = 0; found?.inode.kind === 'symlink' && hops < maxHops; hops++) {
      at = resolveLink(at, found.inode.target);
      found = this.#find(at.split('/').filter(Boolean), 0);
    }
    return found;
  }

  /** Follows symlinks in parents, not in the last part. */
  #find(parts: readonly string[], hops: number): Branch | undefined {
    let at = this.#root;
    for (const [index, name] of parts.entries()) {
      const next = at.children.get(name);
      if (!next) return undefined;
      const isLast = index === parts.length - 1;
      if (next.inode.kind === 'symlink' && !isLast) {
        if (hops >= maxHops) return undefined;
        const target = resolveLink(parts.slice(0, index + 1).join('/'), next.inode.target);
        return this.#find([...target.split('/').filter(Boolean), ...parts.slice(index + 1)], hops + 1);
      }
      at = next;
    }
    return at;
  }
}

function isWhiteout(path: string): boolean {
  return baseName(path).startsWith(whiteoutPrefix);
}

interface Collection {
  readonly found: { path: string; inode: Inode }[];
  readonly withImplied: boolean;
}

function collect(branch: Branch, path: string, into: Collection): void {
  for (const [name, child] of branch.children) {
    const at = path === '' ? name : `${path}/${name}`;
    if (into.withImplied || !child.isImplied) into.found.push({ path: at, inode: child.inode });
    collect(child, at, into);
  }
}

function bytesIn({ inode, children }: Branch): number {
  let bytes = 0;
  if (inode.kind === 'file')
    bytes += inode.content.kind === 'bytes' ? inode.content.bytes.length : inode.content.sizeBytes;
  for (const child of children.values()) bytes += bytesIn(child);
  return bytes;
}

function impliedFolder(mtime: number): Inode {
  return { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime };
}
