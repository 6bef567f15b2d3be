import type { LayerPart } from './layer-part.ts';
import type { TreeEntry } from './image-tree.ts';
import { VirtualTree } from './virtual-tree.ts';

export type LayersMode = 'shared' | 'one' | { readonly budget: number };

/**
 * Which neighbouring layers become one. `shared` keeps all apart, `one` makes one of all. A budget joins from the top:
 * what is most particular to an image loses its sharing first, and the operating system, which most images share,
 * last. The result is groups of indexes, the lowest first.
 */
export function partitionLayers(count: number, mode: LayersMode): number[][] {
  const limit = mode === 'shared' ? count : mode === 'one' ? 1 : mode.budget;
  const apart = Math.min(count, limit) - 1;
  const groups = Array.from({ length: Math.max(0, apart) }, (_, index) => [index]);
  const rest = Array.from({ length: count - Math.max(0, apart) }, (_, index) => index + Math.max(0, apart));
  return rest.length === 0 ? groups : [...groups, rest];
}

export interface SquashedPart extends LayerPart {
  /** Bytes of files that a later layer replaced or took away, and that nobody has to fetch any more. */
  readonly wastedBytes: number;
}

/**
 * Layers as one. As the lowest layer of an image it has no whiteouts: there is nothing below. Higher up, whiteouts of
 * its layers stay, because they act on what is below, and a hard link to a file below becomes a file of its own.
 * @param below layers under them
 */
export function squashParts(parts: readonly LayerPart[], below: readonly LayerPart[]): SquashedPart {
  const isLowest = below.length === 0;
  const tree = new VirtualTree();
  let lower: VirtualTree | undefined;
  function findBelow(path: string) {
    if (!lower) {
      lower = new VirtualTree();
      for (const part of below) lower.apply(part.entries);
    }
    return lower.get(path);
  }
  for (const part of parts) tree.apply(part.entries, isLowest ? undefined : findBelow);
  // Above others, a folder that nobody stated stays what it is below.
  const entries = isLowest ? tree.entries() : tree.statedEntries();
  return {
    title: parts.map((part) => part.title).join('; '),
    entries: isLowest ? entries : sortEntries([...entries, ...remainingWhiteouts(parts, tree)]),
    files: [...new Map([...parts, ...below].flatMap((part) => part.files).map((file) => [file.digest, file])).values()],
    wastedBytes: tree.wastedBytes,
  };
}

/** A whiteout still counts unless a later layer of the group puts something in its place. */
function remainingWhiteouts(parts: readonly LayerPart[], tree: VirtualTree): TreeEntry[] {
  const found = new Map<string, TreeEntry>();
  for (const { entries } of parts) {
    for (const entry of entries) {
      const cut = entry.path.lastIndexOf('/') + 1;
      const name = entry.path.slice(cut);
      if (!name.startsWith('.wh.')) continue;
      const hidden = `${entry.path.slice(0, cut)}${name.slice('.wh.'.length)}`;
      // What replaced a folder by a folder needs the whiteout: without it the lower folder would shine through.
      if (name === '.wh..wh..opq' || tree.get(hidden) === undefined || tree.get(hidden)?.kind === 'directory')
        found.set(entry.path, entry);
    }
  }
  return [...found.values()];
}

function sortEntries(entries: readonly TreeEntry[]): TreeEntry[] {
  return [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}
