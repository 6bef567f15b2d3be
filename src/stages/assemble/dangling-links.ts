import { resolveLink } from '../../formats/tar/path.ts';
import type { ImageTree } from '../../trees/image-tree.ts';
import { mergePath } from './merged-usr.ts';

/**
 * Takes away links whose target is gone and of which `isLost` says that it went on purpose; then those that led there
 * by way of such a link (alternatives).
 */
export function removeDanglingLinks(tree: ImageTree, isLost: (path: string, target: string) => boolean): void {
  for (;;) {
    const dangling = tree.entries().filter(({ path, node }) => {
      if (node.kind !== 'symlink') return false;
      const target = resolveLink(path, node.target);
      // Where /bin is a link to usr/bin, a link may name either.
      const names = [target, mergePath(target)];
      return !names.some((name) => tree.has(name)) && names.some((name) => isLost(path, name));
    });
    if (dangling.length === 0) return;
    for (const { path } of dangling) tree.delete(path);
  }
}
