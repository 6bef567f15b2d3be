import { Failure } from '../../core/errors.ts';
import { reviewScripts } from '../../sources/debian/review-scripts.ts';
import { newestTime, type ExpandedInput } from '../../sources/expand-input.ts';
import { ImageTree, normaliseHardlinks, type FileContent, type TreeNode } from '../../trees/image-tree.ts';
import { isMergedFolder, mergePath, mergeTarget } from './merged-usr.ts';
import { requireKnownOwners } from './known-owners.ts';
import { allRules } from './rules/all-rules.ts';
import type { LayerPackage } from './rules/rule.ts';
import { isTrimmed } from './rules/trim.ts';

export interface OsLayerInput {
  readonly packages: readonly ExpandedInput[];
  readonly architecture: 'amd64' | 'arm64';
  readonly read: (content: FileContent) => Buffer;
}

/**
 * The operating system of a `runtime` image: the packages' files with merged `/usr`, less what nothing reads, and
 * what each rule writes in place of the maintainer scripts. Pure: the same packages give the same tree.
 */
export function decideOsLayer({ packages, architecture, read }: OsLayerInput): ImageTree {
  const mtime = newestTime(packages);
  const tree = new ImageTree(mtime);
  const layered = packages.map((expanded) => addPackage(tree, expanded));
  normaliseHardlinks(tree);
  for (const rule of allRules) rule.apply(tree, { architecture, mtime, packages: layered, read });
  requireKnownOwners(tree, read);
  return tree;
}

function addPackage(tree: ImageTree, expanded: ExpandedInput): LayerPackage {
  const { input, control } = expanded;
  if (input.kind !== 'deb') throw new TypeError('only Debian packages make an operating system');
  reviewScripts(input.name, input.version, new Map(Object.entries(control)));
  const paths: string[] = [];
  for (const { entry, offset } of expanded.entries) {
    if (isMergedFolder(entry.path)) continue;
    const path = mergePath(entry.path);
    if (isTrimmed(path)) continue;
    const { mode, uid, gid, mtime } = entry;
    const owner = { mode, uid, gid, mtime };
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
        if (tree.get(path)?.kind === 'file')
          throw new Failure('SOURCE_INVALID', `two packages bring /${path}; one is ${input.name}`);
        tree.set(path, node);
        paths.push(path);
        break;
      }
    }
  }
  return { input, control, paths };
}
