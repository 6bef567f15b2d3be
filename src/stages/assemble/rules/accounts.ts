import { imageUser } from '../../plan/variants.ts';
import { generatedFile } from '../../../trees/image-tree.ts';
import type { Rule } from './rule.ts';

/** Numbers as in Debian's base-passwd; nobody can log in: there is no shell and no password. */
const users = [
  { name: 'root', uid: 0, gid: 0, home: '/root' },
  { name: imageUser.name, uid: imageUser.uid, gid: imageUser.gid, home: `/home/${imageUser.name}` },
  { name: 'nobody', uid: 65534, gid: 65534, home: '/nonexistent' },
] as const;

const groups = [
  { name: 'root', gid: 0 },
  { name: 'tty', gid: 5 },
  { name: 'staff', gid: 50 },
  { name: imageUser.name, gid: imageUser.gid },
  { name: 'nogroup', gid: 65534 },
] as const;

export const accounts: Rule = {
  name: 'accounts',
  summary: 'passwd and group with root, node and nobody, and where names are looked up',
  apply(tree, { mtime }) {
    const passwd = users.map(
      (user) => `${user.name}:x:${user.uid}:${user.gid}:${user.name}:${user.home}:/usr/sbin/nologin\n`,
    );
    const group = groups.map((entry) => `${entry.name}:x:${entry.gid}:\n`);
    tree.set('etc/passwd', generatedFile(passwd.join(''), mtime));
    tree.set('etc/group', generatedFile(group.join(''), mtime));
    // Without `hosts`, some resolvers ask DNS before they read /etc/hosts.
    tree.set(
      'etc/nsswitch.conf',
      generatedFile(
        'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n',
        mtime,
      ),
    );
  },
};
