import { Failure } from '../../core/errors.ts';
import { imagePaths } from '../plan/variants.ts';
import type { ExpandedEntry, ExpandedInput } from '../../sources/expand-input.ts';
import { ImageTree, symlink } from '../../trees/image-tree.ts';
import { isVendorCache } from './vendor-caches.ts';

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
    addFile(tree, expanded, { member: found, path, mode, mtime: input.time });
  }
  return tree;
}

/** Programs of the tools, and the file each of them is. */
const programs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  npm: { npm: 'bin/npm-cli.js', npx: 'bin/npx-cli.js' },
  corepack: { corepack: 'dist/corepack.js' },
};

/**
 * npm, and corepack where it belongs to the line: from packages of their own, or from the distribution. Dated with the
 * newest of what it is made of.
 */
export function decideToolsLayer(tools: readonly ExpandedInput[], distribution: ExpandedInput | undefined): ImageTree {
  const sources = tools.length > 0 || !distribution ? tools : [distribution];
  const tree = new ImageTree(Math.max(0, ...sources.map(timeOf)));
  for (const expanded of tools) copyTool(tree, expanded, { inside: '', name: expanded.input.name });
  if (tools.length === 0 && distribution)
    for (const name of Object.keys(programs))
      copyTool(tree, distribution, { inside: `lib/node_modules/${name}/`, name });
  if (!tree.has(`${imagePaths.modules}/npm/package.json`))
    throw new Failure('SOURCE_INVALID', 'neither the distribution nor the lock brings npm', {
      hint: 'run `nodeworthy lock --update`',
    });
  return tree;
}

function timeOf({ input }: ExpandedInput): number {
  return input.kind === 'deb' ? 0 : input.time;
}

/** Headers of this platform, where `npm_config_nodedir` leads node-gyp. */
export function decideHeadersLayer(distribution: ExpandedInput): ImageTree {
  const { input } = distribution;
  if (input.kind !== 'node') throw new TypeError('not a Node.js distribution');
  const tree = new ImageTree(input.time);
  for (const member of distribution.entries) {
    const { path, kind } = member.entry;
    if (kind !== 'file' || !path.startsWith('include/node/')) continue;
    const target = `${imagePaths.headers}/${path.slice('include/node/'.length)}`;
    addFile(tree, distribution, { member, path: target, mode: 0o644, mtime: input.time });
  }
  return tree;
}

function copyTool(
  tree: ImageTree,
  expanded: ExpandedInput,
  { inside, name }: { readonly inside: string; readonly name: string },
): void {
  const mtime = timeOf(expanded);
  const root = `${imagePaths.modules}/${name}`;
  for (const member of expanded.entries) {
    const { entry } = member;
    if (!entry.path.startsWith(inside) || entry.kind === 'directory' || isVendorCache(entry.path)) continue;
    const path = `${root}/${entry.path.slice(inside.length)}`;
    if (entry.kind === 'symlink') tree.set(path, symlink(entry.linkTarget ?? '', mtime));
    else if (entry.kind === 'file')
      addFile(tree, expanded, { member, path, mode: (entry.mode & 0o111) === 0 ? 0o644 : 0o755, mtime });
  }
  for (const [program, file] of Object.entries(programs[name] ?? {})) {
    const node = tree.get(`${root}/${file}`);
    if (node?.kind !== 'file') continue;
    tree.set(`${root}/${file}`, { ...node, mode: 0o755 });
    tree.set(`usr/local/bin/${program}`, symlink(`../lib/node_modules/${name}/${file}`, mtime));
  }
}

interface AddedFile {
  readonly member: ExpandedEntry;
  readonly path: string;
  readonly mode: number;
  readonly mtime: number;
}

function addFile(tree: ImageTree, expanded: ExpandedInput, { member, path, mode, mtime }: AddedFile): void {
  const content = {
    kind: 'slice',
    input: expanded.content,
    offset: member.offset,
    sizeBytes: member.entry.sizeBytes,
  } as const;
  tree.set(path, { kind: 'file', mode, uid: 0, gid: 0, mtime, content });
}
