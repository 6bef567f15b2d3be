import { readElf } from '../../formats/elf/read-elf.ts';
import { baseName } from '../../formats/tar/path.ts';
import type { Digest } from '../../core/digest.ts';
import type { ContentAccess } from '../../trees/content-access.ts';
import type { ElfInTree } from './closure.ts';
import type { ImageTree } from '../../trees/image-tree.ts';

/** Programs and libraries of a tree that the dynamic loader would read. */
export function elfFilesOf(
  tree: ImageTree,
  contents: ContentAccess,
  { ownerOf, only }: { readonly ownerOf: (input: Digest) => string; readonly only?: RegExp },
): ElfInTree[] {
  const found: ElfInTree[] = [];
  for (const { path, node } of tree.entries()) {
    if (node.kind !== 'file' || node.content.kind !== 'slice') continue;
    if (only && !only.test(path)) continue;
    if (!/\.so(?:\.|$)/.test(path) && (node.mode & 0o111) === 0) continue;
    const elf = readElf(contents.random(node.content), path);
    if (elf) found.push({ path, provides: elf.soname ?? baseName(path), owner: ownerOf(node.content.input), elf });
  }
  return found;
}
