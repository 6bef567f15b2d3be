import { Failure } from '../../../core/errors.ts';
import { generatedFile } from '../../../trees/image-tree.ts';
import type { Rule } from './rule.ts';

/**
 * One file per package under `status.d`, so that scanners see it and a later rebase can swap the layer. The checksums
 * list what is really there, under the path it really has: scanners match files by it.
 */
export const packageDatabase: Rule = {
  name: 'package-database',
  summary: 'a stanza and the checksums of each package in /var/lib/dpkg/status.d',
  apply(tree, { packages, mtime }) {
    for (const { input, control, paths } of packages) {
      const stanza = control['control'];
      if (stanza === undefined)
        throw new Failure('SOURCE_INVALID', `${input.name} ${input.version} has no control file`);
      tree.set(
        `var/lib/dpkg/status.d/${input.name}`,
        generatedFile(stanza.endsWith('\n') ? stanza : `${stanza}\n`, mtime),
      );
      const sums = checksums(control['md5sums'] ?? '', new Set(paths));
      tree.set(`var/lib/dpkg/status.d/${input.name}.md5sums`, generatedFile(sums, mtime));
    }
  },
};

function checksums(text: string, present: ReadonlySet<string>): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const match = /^([0-9a-f]{32}) {2}(.+)$/.exec(line);
      if (!match?.[1] || !match[2]) return [];
      const path = [match[2], `usr/${match[2]}`].find((candidate) => present.has(candidate));
      return path === undefined ? [] : [`${match[1]}  ${path}\n`];
    })
    .join('');
}
