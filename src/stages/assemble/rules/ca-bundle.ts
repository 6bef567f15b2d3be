import { compareText } from '../../../core/canonical-json.ts';
import { Failure } from '../../../core/errors.ts';
import { baseName } from '../../../formats/tar/path.ts';
import { pemToDer, subjectHash } from '../../../formats/x509/subject-hash.ts';
import { generatedFile, symlink } from '../../../trees/image-tree.ts';
import type { Rule } from './rule.ts';

const root = 'usr/share/ca-certificates/';

/** What `update-ca-certificates` makes of a configuration that trusts every authority of the package. */
export const caBundle: Rule = {
  name: 'ca-bundle',
  summary: 'the certificate bundle, a link per authority, and the links by subject hash',
  apply(tree, { mtime, read }) {
    const authorities = tree
      .entries()
      .filter(({ path, node }) => path.startsWith(root) && path.endsWith('.crt') && node.kind === 'file');
    if (authorities.length === 0)
      throw new Failure('SOURCE_INVALID', 'the package ca-certificates has no certificate authorities');
    const listed: string[] = [];
    const bundle: string[] = [];
    const links: { readonly name: string; readonly hash: string }[] = [];
    for (const { path, node } of authorities) {
      if (node.kind !== 'file') continue;
      const pem = read(node.content).toString('latin1');
      const der = pemToDer(pem);
      if (!der) throw new Failure('SOURCE_INVALID', `/${path} holds no certificate`);
      const name = linkName(path);
      listed.push(path.slice(root.length));
      // A file without a final newline must not glue two certificates together.
      bundle.push(pem.endsWith('\n') ? pem : `${pem}\n`);
      links.push({ name, hash: subjectHash(der) });
      tree.set(`etc/ssl/certs/${name}`, symlink(`/${path}`, mtime));
    }
    tree.set('etc/ca-certificates.conf', generatedFile(`${listed.join('\n')}\n`, mtime));
    tree.set('etc/ssl/certs/ca-certificates.crt', generatedFile(Buffer.from(bundle.join(''), 'latin1'), mtime));
    const used = new Map<string, number>();
    for (const { name, hash } of [...links].sort((a, b) => compareText(a.name, b.name))) {
      const number = used.get(hash) ?? 0;
      used.set(hash, number + 1);
      tree.set(`etc/ssl/certs/${hash}.${number}`, symlink(name, mtime));
    }
  },
};

/** The script's own spelling: blanks and brackets would trouble other scripts. */
function linkName(path: string): string {
  return baseName(path)
    .replace(/\.crt$/, '')
    .replaceAll(' ', '_')
    .replaceAll(/[()]/g, '=')
    .replaceAll(',', '_')
    .concat('.pem');
}
