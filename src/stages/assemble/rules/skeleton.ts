import { folder, symlink } from '../../../trees/image-tree.ts';
import type { Rule } from './rule.ts';

const folders: Readonly<Record<string, number>> = {
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  mnt: 0o755,
  opt: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  'run/lock': 0o1777,
  srv: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  'usr/bin': 0o755,
  'usr/lib': 0o755,
  'usr/lib64': 0o755,
  'usr/local/bin': 0o755,
  'usr/sbin': 0o755,
  'var/cache': 0o755,
  'var/lib': 0o755,
  'var/log': 0o755,
  'var/tmp': 0o1777,
};

const links: Readonly<Record<string, string>> = {
  bin: 'usr/bin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  sbin: 'usr/sbin',
  'var/run': '/run',
  'var/lock': '/run/lock',
};

export const skeleton: Rule = {
  name: 'skeleton',
  summary: 'standard folders, the merged /bin, /lib, /lib64, /sbin, and /var/run and /var/lock',
  apply(tree, { mtime }) {
    for (const [path, target] of Object.entries(links)) {
      if (tree.get(path)?.kind === 'directory') tree.delete(path);
      tree.set(path, symlink(target, mtime));
    }
    for (const [path, mode] of Object.entries(folders)) tree.set(path, folder(mode, mtime));
  },
};
