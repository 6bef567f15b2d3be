import { generatedFile } from '../../../trees/image-tree.ts';
import { mergePath } from '../merged-usr.ts';
import type { HardeningRule } from './hardening-rule.ts';

const status = 'var/lib/dpkg/status';
const info = 'var/lib/dpkg/info';

/** Packages that Debian calls required and that nothing in a container uses. */
const names: Readonly<Record<string, string>> = {
  e2fsprogs: 'makes and repairs file systems',
  'e2fsprogs-l10n': 'translations of e2fsprogs',
  fdisk: 'partitions disks',
  logsave: 'for e2fsprogs',
  mount: 'mounts file systems',
  'sysvinit-utils': 'for an init that is not there',
  'util-linux-extra': 'clocks and terminals of a machine',
};

/** Takes a package's files and records away; a file that another package has as well stays. */
export const unneededPackages: HardeningRule = {
  apply(tree, { read, mtime }) {
    const node = tree.get(status);
    if (node?.kind !== 'file') return;
    const stanzas = read(node.content).toString('utf8').split('\n\n');
    const isUnneeded = (stanza: string): boolean => names[packageOf(stanza)] !== undefined;
    const gone = stanzas.filter(isUnneeded).map(packageOf);
    if (gone.length === 0) return;
    const listOf = (name: string): string[] => {
      const list = tree.get(`${info}/${name}.list`);
      return list?.kind === 'file' ? read(list.content).toString('utf8').split('\n').filter(Boolean) : [];
    };
    const kept = new Set<string>();
    for (const { path } of tree.entries()) {
      const name = path.startsWith(`${info}/`) && path.endsWith('.list') ? path.slice(info.length + 1, -5) : undefined;
      if (name !== undefined && !gone.includes(name))
        for (const file of listOf(name)) kept.add(mergePath(file.slice(1)));
    }
    for (const name of gone) {
      for (const file of listOf(name)) {
        const path = mergePath(file.slice(1));
        const found = tree.get(path);
        if (found && found.kind !== 'directory' && !kept.has(path)) tree.delete(path);
      }
    }
    for (const { path } of tree.entries()) {
      const record = path.startsWith(`${info}/`) ? path.slice(info.length + 1).replace(/\.[a-z0-9]+$/, '') : undefined;
      if (record !== undefined && gone.includes(record)) tree.delete(path);
    }
    const text = stanzas.filter((stanza) => !isUnneeded(stanza)).join('\n\n');
    tree.set(status, { ...generatedFile(text, mtime), mode: node.mode });
  },
  check(tree) {
    const node = tree.get(status);
    const text = node?.kind === 'file' ? tree.read(node.content).toString('utf8') : '';
    return text
      .split('\n\n')
      .map(packageOf)
      .filter((name) => names[name] !== undefined)
      .map((name) => `the package ${name} is there: it ${names[name]}`);
  },
};

function packageOf(stanza: string): string {
  return /^Package: (\S+)$/m.exec(stanza)?.[1] ?? '';
}
