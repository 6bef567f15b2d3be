import { Failure } from '../../../core/errors.ts';
import { accessBuffer, readElf } from '../../../formats/elf/read-elf.ts';
import { writeLdsoCache, type CachedLibrary } from '../../../formats/ldso/write-cache.ts';
import { baseName, parentOf, resolveLink } from '../../../formats/tar/path.ts';
import { generatedFile, type ImageTree, type TreeNode } from '../../../trees/image-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

const machines = { amd64: 'x86_64', arm64: 'aarch64' } as const;

/** What `ldconfig` makes of the libraries in the folders that `ld.so.conf` names. */
export const ldSoCache: Rule = {
  name: 'ld-so-cache',
  summary: 'ld.so.conf and the dynamic loader’s cache',
  apply(tree, context) {
    tree.set('etc/ld.so.conf', generatedFile('include /etc/ld.so.conf.d/*.conf\n', context.mtime));
    const libraries = libraryFolders(tree, context).flatMap((folder) => librariesIn(tree, folder, context));
    const cache = writeLdsoCache(libraries, { architecture: context.architecture, generator: generatorOf(context) });
    tree.set('etc/ld.so.cache', generatedFile(cache, context.mtime));
  },
};

/** ldconfig's name for itself carries the version of the package it was built from. */
function generatorOf({ packages }: RuleContext): string {
  const libc = packages.find((candidate) => candidate.input.name === 'libc6')?.input.sourceVersion;
  if (!libc) throw new Failure('DEPENDENCY_UNSATISFIED', 'the layer has no libc6');
  return `ldconfig (Debian GLIBC ${libc}) stable release version ${libc.replace(/-.*$/, '')}`;
}

interface SearchFolder {
  /** As it is written in the configuration, and so in the cache. */
  readonly spelled: string;
  readonly path: string;
}

/** Folders of `ld.so.conf.d/*.conf`, then the built-in ones; one that is reached twice counts once. */
function libraryFolders(tree: ImageTree, { read }: RuleContext): SearchFolder[] {
  const configured = tree
    .entries()
    .filter(({ path }) => /^etc\/ld\.so\.conf\.d\/[^/]+\.conf$/.test(path))
    .flatMap(({ node }) => (node.kind === 'file' ? read(node.content).toString('utf8').split('\n') : []))
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter(Boolean);
  const seen = new Set<string>();
  const folders: SearchFolder[] = [];
  for (const spelled of [...configured, '/lib', '/usr/lib']) {
    const path = realPath(tree, spelled.slice(1));
    if (path === undefined || tree.get(path)?.kind !== 'directory' || seen.has(path)) continue;
    seen.add(path);
    folders.push({ spelled, path });
  }
  return folders;
}

function librariesIn(tree: ImageTree, folder: SearchFolder, context: RuleContext): CachedLibrary[] {
  const found = new Map<string, CachedLibrary>();
  for (const { path, node } of tree.entries()) {
    if (parentOf(path) !== folder.path || !/^(?:lib|ld-).*\.so(?:\.|$)/.test(baseName(path))) continue;
    const file = fileAt(tree, path, node);
    if (file?.kind !== 'file') continue;
    const elf = readElf(accessBuffer(context.read(file.content)), path);
    if (elf?.machine !== machines[context.architecture]) continue;
    const soname = elf.soname ?? baseName(path);
    found.set(soname, { soname, path: `${folder.spelled}/${soname}` });
  }
  return [...found.values()];
}

function fileAt(tree: ImageTree, path: string, node: TreeNode): TreeNode | undefined {
  if (node.kind === 'hardlink') return tree.get(node.target);
  if (node.kind !== 'symlink') return node;
  const target = realPath(tree, resolveLink(path, node.target));
  return target === undefined ? undefined : tree.get(target);
}

/** The path with every symlink of the tree followed, or undefined when it leads nowhere. */
export function realPath(tree: ImageTree, path: string): string | undefined {
  let at = '';
  let parts = path.split('/').filter(Boolean);
  for (let hops = 0; parts.length > 0;) {
    const next = at === '' ? String(parts[0]) : `${at}/${parts[0]}`;
    parts = parts.slice(1);
    const node = tree.get(next);
    if (node === undefined) return undefined;
    if (node.kind !== 'symlink') {
      at = next;
      continue;
    }
    if (++hops > 40) return undefined;
    parts = [...resolveLink(next, node.target).split('/').filter(Boolean), ...parts];
    at = '';
  }
  return at;
}
