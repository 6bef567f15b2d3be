import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatedFile, folder, symlink, type TreeEntry, type TreeNode } from './image-tree.ts';
import { differenceOf } from './layer-difference.ts';
import type { LayerPart } from './layer-part.ts';
import { partitionLayers, squashParts } from './squash-parts.ts';
import { VirtualTree } from './virtual-tree.ts';

const file = (text: string): TreeNode => generatedFile(text, 1);
const whiteout = file('');
const link = (target: string): TreeNode => ({ kind: 'hardlink', target, mode: 0o644, uid: 0, gid: 0, mtime: 1 });
const layer = (nodes: Record<string, TreeNode>): TreeEntry[] =>
  Object.entries(nodes).map(([path, node]) => ({ path, node }));

function applied(...layers: readonly Record<string, TreeNode>[]): Record<string, string> {
  const tree = new VirtualTree();
  for (const nodes of layers) tree.apply(layer(nodes));
  return Object.fromEntries(tree.entries().map(({ path, node }) => [path, textOf(node)]));
}

function textOf(node: TreeNode): string {
  if (node.kind === 'file') return node.content.kind === 'bytes' ? node.content.bytes.toString() : 'slice';
  if (node.kind === 'symlink' || node.kind === 'hardlink') return `${node.kind} ${node.target}`;
  return node.kind;
}

describe('layers applied one after the other', () => {
  it.each<[string, Record<string, TreeNode>[], Record<string, string>]>([
    ['a whiteout', [{ a: file('1'), b: file('2') }, { '.wh.a': whiteout }], { b: '2' }],
    [
      'a whiteout of a folder',
      [{ 'd/a': file('1'), 'd/b/c': file('2'), e: file('3') }, { '.wh.d': whiteout }],
      { e: '3' },
    ],
    [
      'an opaque folder, whose new files stay wherever the marker stands',
      [{ 'd/a': file('1') }, { 'd/n': file('2'), 'd/.wh..wh..opq': whiteout }],
      { d: 'directory', 'd/n': '2' },
    ],
    [
      'a whiteout beside its replacement: the replacement stays',
      [{ 'd/a': file('1') }, { '.wh.d': whiteout, d: folder(0o755, 1), 'd/b': file('2') }],
      { d: 'directory', 'd/b': '2' },
    ],
    ['a whiteout of nothing', [{ a: file('1') }, { '.wh.x': whiteout, 'y/.wh.z': whiteout }], { a: '1' }],
    ['a file in the place of a folder', [{ 'd/a': file('1') }, { d: file('2') }], { d: '2' }],
    ['a folder in the place of a file', [{ d: file('1') }, { 'd/a': file('2') }], { d: 'directory', 'd/a': '2' }],
    ['a folder on a folder', [{ 'd/a': file('1') }, { d: folder(0o700, 2) }], { d: 'directory', 'd/a': '1' }],
    ['a link in the place of a folder', [{ 'd/a': file('1') }, { d: symlink('e', 1) }], { d: 'symlink e' }],
    [
      'a file below a folder that is a link: it goes where the link leads',
      [{ 'usr/lib/a': file('1'), lib: symlink('usr/lib', 1) }, { 'lib/b': file('2') }],
      { usr: 'directory', 'usr/lib': 'directory', 'usr/lib/a': '1', 'usr/lib/b': '2', lib: 'symlink usr/lib' },
    ],
    [
      'a whiteout below a folder that is a link',
      [{ 'usr/lib/a': file('1'), lib: symlink('/usr/lib', 1) }, { 'lib/.wh.a': whiteout }],
      { usr: 'directory', 'usr/lib': 'directory', lib: 'symlink /usr/lib' },
    ],
    ['a hard link that comes before its file', [{ a: link('b'), b: file('1') }], { a: '1', b: 'hardlink a' }],
    ['a hard link to a file of the layer below', [{ b: file('1') }, { c: link('b') }], { b: '1', c: 'hardlink b' }],
    [
      'a hard link whose other name is replaced later: it keeps the old file',
      [{ a: file('1'), b: link('a') }, { a: file('2') }],
      { a: '2', b: '1' },
    ],
    ['a hard link whose other name goes', [{ a: file('1'), b: link('a') }, { '.wh.a': whiteout }], { b: '1' }],
  ])('%s', (_, layers, expected) => {
    expect(applied(...layers)).toEqual(expected);
  });

  it('counts what nobody sees any more', () => {
    const tree = new VirtualTree();
    tree.apply(layer({ a: file('12345'), 'd/b': file('123') }));
    tree.apply(layer({ a: file('1'), '.wh.d': whiteout }));
    expect(tree.wastedBytes).toBe(8);
  });

  it('refuses a hard link to nothing', () => {
    expect(() => applied({ a: link('b') })).toThrow(expect.objectContaining({ code: 'SOURCE_INVALID' }));
  });
});

const names = fc.constantFrom('a', 'b', 'c', 'd');
const path = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const node = fc.oneof(
  fc.constantFrom('x', 'y', 'z').map(file),
  fc.constantFrom(0o755, 0o700).map((mode) => folder(mode, 1)),
  fc.constant(symlink('/nowhere', 1)),
);
/** Trees as one layer makes them: no path lies below something that is no folder. */
const tree = fc.array(fc.tuple(path, node), { maxLength: 8 }).map((pairs) => {
  const made = new VirtualTree();
  for (const [at, value] of pairs) {
    const parents = at.split('/').slice(0, -1);
    const blocked = parents.some((_, depth) => {
      const found = made.get(parents.slice(0, depth + 1).join('/'));
      return found !== undefined && found.kind !== 'directory';
    });
    if (!blocked) made.apply([{ path: at, node: value }]);
  }
  return made.entries();
});

const plain = (entries: readonly TreeEntry[]): unknown =>
  entries.map(({ path: at, node: value }) => [at, textOf(value), value.mode]);

it('a difference on what is below gives what is above', () => {
  fc.assert(
    fc.property(tree, tree, (below, above) => {
      const made = new VirtualTree();
      made.apply(below);
      made.apply(below.length === 0 ? above : differenceOf(below, above));
      expect(plain(made.entries())).toEqual(plain(above));
    }),
    { numRuns: 500 },
  );
});

it('squashed layers are the same file system, at the bottom and on others', () => {
  const part = (entries: readonly TreeEntry[]): LayerPart => ({ title: '', entries, files: [] });
  const layers = fc.array(tree, { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(layers, ([first = [], second = [], third = []]) => {
      const stack = [first, differenceOf(first, second), differenceOf(second, third)].map(part);
      const all = new VirtualTree();
      for (const { entries } of stack) all.apply(entries);
      const [bottom, ...others] = stack as [LayerPart, LayerPart, LayerPart];
      const whole = new VirtualTree();
      whole.apply(squashParts(stack, []).entries);
      expect(plain(whole.entries())).toEqual(plain(all.entries()));
      const upper = new VirtualTree();
      upper.apply(bottom.entries);
      upper.apply(squashParts(others, [bottom]).entries);
      expect(plain(upper.entries())).toEqual(plain(all.entries()));
    }),
    { numRuns: 500 },
  );
});

it.each([
  [4, 'shared', [[0], [1], [2], [3]]],
  [4, 'one', [[0, 1, 2, 3]]],
  [4, { budget: 2 }, [[0], [1, 2, 3]]],
  [4, { budget: 9 }, [[0], [1], [2], [3]]],
  [1, 'one', [[0]]],
] as const)('%i layers as %j are %j', (count, mode, groups) => {
  expect(partitionLayers(count, mode)).toEqual(groups);
});

it('joined above others, a folder that no layer states is left out: it stays what it is below', () => {
  const part = (nodes: Record<string, TreeNode>): LayerPart => ({ title: '', entries: layer(nodes), files: [] });
  const below = part({ tmp: folder(0o1777, 1), 'usr/lib/a': file('1'), lib: symlink('usr/lib', 1) });
  const joined = squashParts([part({ 'tmp/x': file('x') }), part({ 'lib/b': file('b') })], [below]);
  expect(joined.entries.map(({ path: at }) => at)).toEqual(['lib/b', 'tmp/x']);
  const whole = new VirtualTree();
  whole.apply(below.entries);
  whole.apply(joined.entries);
  expect(whole.get('tmp')?.mode).toBe(0o1777);
  expect(whole.realPath('lib/b')).toBe('usr/lib/b');
  expect(whole.get('usr/lib/b')).toBeDefined();
});

it('joined above others, a hard link to a file below brings that file’s bytes', () => {
  const digest = `sha256:${'a'.repeat(64)}` as const;
  const slice: TreeNode = {
    ...file(''),
    content: { kind: 'slice', input: digest, offset: 0, sizeBytes: 3 },
  } as TreeNode;
  const below: LayerPart = { title: '', entries: [{ path: 'a', node: slice }], files: [{ digest, path: '/x' }] };
  const upper: LayerPart = { title: '', entries: layer({ b: link('a') }), files: [] };
  const joined = squashParts([upper], [below]);
  expect(joined.entries).toMatchObject([{ path: 'b', node: { kind: 'file' } }]);
  expect(joined.files).toContainEqual({ digest, path: '/x' });
});
