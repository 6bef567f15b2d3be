import { generatedFile, symlink } from '../../../trees/image-tree.ts';
import type { Rule } from './rule.ts';

export const timeZone: Rule = {
  name: 'time-zone',
  summary: 'the local time is UTC',
  apply(tree, { mtime }) {
    tree.set('etc/localtime', symlink('/usr/share/zoneinfo/Etc/UTC', mtime));
    tree.set('etc/timezone', generatedFile('Etc/UTC\n', mtime));
  },
};
