import type { ImageTree } from '../../../trees/image-tree.ts';
import { removeDanglingLinks } from '../dangling-links.ts';

/**
 * Documents that slim and build images leave out, now and when packages are installed later: the file for
 * `/etc/dpkg/dpkg.cfg.d` is made of the same list. Folders stay, because maintainer scripts write links into them.
 */
const excluded: readonly { readonly glob: string; readonly pattern: RegExp }[] = [
  { glob: '/usr/share/doc/*', pattern: /^usr\/share\/doc\/.+/ },
  { glob: '/usr/share/info/*', pattern: /^usr\/share\/info\/.+/ },
  { glob: '/usr/share/lintian/*', pattern: /^usr\/share\/lintian\/.+/ },
  { glob: '/usr/share/locale/*', pattern: /^usr\/share\/locale\/.+/ },
  { glob: '/usr/share/man/*', pattern: /^usr\/share\/man\/.+/ },
];
const included: readonly { readonly glob: string; readonly pattern: RegExp }[] = [
  { glob: '/usr/share/doc/*/copyright', pattern: /^usr\/share\/doc\/[^/]+\/copyright$/ },
  { glob: '/usr/share/locale/locale.alias', pattern: /^usr\/share\/locale\/locale\.alias$/ },
];

export function isExcludedDocument(path: string): boolean {
  return excluded.some(({ pattern }) => pattern.test(path)) && !included.some(({ pattern }) => pattern.test(path));
}

/**
 * Maintainer scripts write links to documents that were left out, some by way of another link (alternatives): a link
 * that is a document, or leads to one, goes when its target is missing.
 */
export function removeLinksToDocuments(tree: ImageTree): void {
  removeDanglingLinks(tree, (path, target) => isExcludedDocument(path) || isExcludedDocument(target));
}

/** dpkg(1), `--path-exclude` and `--path-include`. */
export const documentOptions: string = [
  ...excluded.map(({ glob }) => `path-exclude=${glob}\n`),
  ...included.map(({ glob }) => `path-include=${glob}\n`),
].join('');
