import { Failure } from '../../core/errors.ts';
import type { FileContent, ImageTree } from '../../trees/image-tree.ts';

/**
 * A file of a user that does not exist would belong to whoever gets that number later.
 * @throws Failure SOURCE_INVALID names the first such file
 */
export function requireKnownOwners(tree: ImageTree, read: (content: FileContent) => Buffer): void {
  const uids = idsOf(tree, 'etc/passwd', read);
  const gids = idsOf(tree, 'etc/group', read);
  for (const { path, node } of tree.entries()) {
    if (uids.has(node.uid) && gids.has(node.gid)) continue;
    throw new Failure('SOURCE_INVALID', `/${path} belongs to ${node.uid}:${node.gid}, which the image does not know`, {
      hint: 'a user or group is missing in the image’s passwd or group',
    });
  }
}

/** The third field of each line (passwd(5), group(5)). */
function idsOf(tree: ImageTree, path: string, read: (content: FileContent) => Buffer): ReadonlySet<number> {
  const node = tree.get(path);
  const text = node?.kind === 'file' ? read(node.content).toString('utf8') : '';
  return new Set(text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line.split(':')[2])])));
}
