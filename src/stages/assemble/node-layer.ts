import { Failure } from '../../core/errors.ts';
import { imagePaths } from '../plan/variants.ts';
import type { ExpandedInput } from '../../sources/expand-input.ts';
import { ImageTree } from './image-tree.ts';

/** Where the files of a distribution go; the same on every base, so that all bases share the layer. */
const places: Readonly<Record<string, { readonly path: string; readonly mode: number }>> = {
  'bin/node': { path: imagePaths.node, mode: 0o755 },
  LICENSE: { path: 'usr/local/share/doc/node/LICENSE', mode: 0o644 },
};

/** The Node.js binary and its licence, dated with its release. */
export function decideNodeLayer(expanded: ExpandedInput): ImageTree {
  const { input } = expanded;
  if (input.kind !== 'node') throw new TypeError('not a Node.js distribution');
  const tree = new ImageTree(input.time);
  for (const [inside, { path, mode }] of Object.entries(places)) {
    const found = expanded.entries.find(({ entry }) => entry.path === inside);
    if (found?.entry.kind !== 'file')
      throw new Failure('SOURCE_INVALID', `Node.js ${input.version} has no file ${inside}`);
    tree.set(path, {
      kind: 'file',
      mode,
      uid: 0,
      gid: 0,
      mtime: input.time,
      content: { kind: 'slice', input: input.digest, offset: found.offset, sizeBytes: found.entry.sizeBytes },
    });
  }
  return tree;
}
