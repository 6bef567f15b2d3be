import type { ExpandedInput } from '../../../sources/expand-input.ts';
import { symlink, type ImageTree, type TreeNode } from '../../../trees/image-tree.ts';
import { isMergedFolder, mergePath, mergeTarget } from '../merged-usr.ts';
import { isExcludedDocument } from './documents.ts';

const links: Readonly<Record<string, string>> = {
  bin: 'usr/bin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  sbin: 'usr/sbin',
};

/** What `dpkg --unpack` would put into a system with merged `/usr`, less the documents that dpkg is told to leave out. */
export function unpackPackages(tree: ImageTree, packages: readonly ExpandedInput[], mtime: number): void {
  const paths = packages.flatMap(({ entries }) => entries.map(({ entry }) => mergePath(entry.path)));
  for (const [path, target] of Object.entries(links)) {
    // Debian refuses to work with a link to nothing: arm64 has no /lib64.
    const isUsed = paths.some((candidate) => candidate.startsWith(`${target}/`));
    if (isUsed && !tree.has(path)) tree.set(path, symlink(target, mtime));
  }
  for (const expanded of packages) {
    for (const { entry, offset } of expanded.entries) {
      if (isMergedFolder(entry.path) || (entry.kind !== 'directory' && isExcludedDocument(entry.path))) continue;
      const path = mergePath(entry.path);
      const { mode, uid, gid } = entry;
      const owner = { mode, uid, gid, mtime: entry.mtime };
      switch (entry.kind) {
        case 'directory':
          if (!tree.has(path)) tree.set(path, { kind: 'directory', ...owner });
          break;
        case 'symlink':
          tree.set(path, { kind: 'symlink', ...owner, target: mergeTarget(entry.path, entry.linkTarget ?? '') });
          break;
        case 'hardlink':
          tree.set(path, { kind: 'hardlink', ...owner, target: mergePath(entry.linkTarget ?? '') });
          break;
        // The reader refuses these in a package.
        case 'character':
        case 'block':
        case 'fifo':
          break;
        case 'file': {
          const node: TreeNode = {
            kind: 'file',
            ...owner,
            content: { kind: 'slice', input: expanded.content, offset, sizeBytes: entry.sizeBytes },
          };
          tree.set(path, node);
          break;
        }
      }
    }
  }
}
