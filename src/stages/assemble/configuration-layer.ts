import { imagePaths, imageUser } from '../plan/variants.ts';
import { folder, ImageTree } from './image-tree.ts';

/**
 * Folders the application may write to. They belong to the image's user and to group 0 with equal rights, so that an
 * arbitrary user with group 0 can work as well. Dated 1970: the layer is the same in every cell.
 */
export function decideConfigurationLayer(): ImageTree {
  const tree = new ImageTree(0);
  const owner = { uid: imageUser.uid, gid: 0 };
  for (const path of [imagePaths.work, imagePaths.home, imagePaths.diagnostics])
    tree.set(path, folder(0o775, 0, owner));
  return tree;
}
