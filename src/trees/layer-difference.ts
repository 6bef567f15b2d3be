import { canonicalJson, compareText } from '../core/canonical-json.ts';
import { digestOf } from '../core/digest.ts';
import { baseName, parentOf } from '../formats/tar/path.ts';
import { generatedFile, type FileContent, type TreeEntry, type TreeNode } from './image-tree.ts';

/**
 * What a layer on `below` must hold so that both together are `above`: new and changed entries, and a whiteout for
 * each that is gone (OCI image spec, "Representing Changes", "Whiteouts"). Hard links never cross layers: a link to a
 * file of the layer below becomes a file of its own.
 */
export function differenceOf(below: readonly TreeEntry[], above: readonly TreeEntry[]): TreeEntry[] {
  if (below.length === 0) return [...above];
  const before = new Map(below.map(({ path, node }) => [path, node]));
  const after = new Map(above.map(({ path, node }) => [path, node]));
  const changed: TreeEntry[] = [];
  for (const { path, node } of above) {
    const known = before.get(path);
    if (known === undefined || identityOf(known) !== identityOf(node)) changed.push({ path, node });
  }
  const present = new Set(changed.map(({ path }) => path));
  const resolved = changed.map(({ path, node }): TreeEntry => {
    if (node.kind !== 'hardlink' || present.has(node.target)) return { path, node };
    const file = after.get(node.target);
    return file && file.kind !== 'hardlink' ? { path, node: file } : { path, node };
  });
  const gone = below.filter(({ path }) => !after.has(path)).map(({ path }) => path);
  const goneSet = new Set(gone);
  const whiteouts = gone
    // A folder's whiteout hides all that was in it.
    .filter((path) => !goneSet.has(parentOf(path)))
    .map((path) => ({ path: join(parentOf(path), `.wh.${baseName(path)}`), node: generatedFile('', 0) }));
  // A folder that becomes something else, or the other way round, needs no whiteout: the new entry takes its place.
  return [...withParents([...resolved, ...whiteouts], after)].sort((a, b) =>
    Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)),
  );
}

/** Each folder on the way to an entry is stated as it is: a layer that leaves it out would give it other modes. */
function withParents(entries: readonly TreeEntry[], after: ReadonlyMap<string, TreeNode>): TreeEntry[] {
  const made = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let at = parentOf(path); at !== '' && !made.has(at); at = parentOf(at)) {
      const node = after.get(at);
      if (node) made.set(at, { path: at, node });
    }
  }
  return [...made.values()].sort((a, b) => compareText(a.path, b.path));
}

function identityOf(node: TreeNode): string {
  return canonicalJson({ ...node, ...(node.kind === 'file' ? { content: contentIdentity(node.content) } : {}) });
}

function contentIdentity(content: FileContent): unknown {
  return content.kind === 'bytes' ? digestOf(content.bytes) : content;
}

function join(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
