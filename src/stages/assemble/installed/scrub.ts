import type { FileContent, ImageTree, TreeNode } from '../../../trees/image-tree.ts';
import { generatedFile } from '../../../trees/image-tree.ts';
import { compiledCache } from '../vendor-caches.ts';

/**
 * What maintainer scripts leave behind that says when and where they ran, or that is made again when it is needed.
 * Folders stay, because packages own them, unless the row says otherwise.
 */
export const scrubbedPaths: readonly {
  readonly pattern: RegExp;
  readonly because: string;
  readonly withFolders?: boolean;
}[] = [
  { pattern: /^etc\/machine-id$|^var\/lib\/dbus\/machine-id$/, because: 'names one machine' },
  { pattern: /^etc\/(?:hostname|hosts|resolv\.conf|mtab)$/, because: 'the container runtime brings its own' },
  { pattern: /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/, because: 'backup of an account file' },
  { pattern: /^etc\/\.pwd\.lock$/, because: 'lock of an account file' },
  { pattern: /^var\/log\/.+/, because: 'log' },
  { pattern: /^var\/cache\/ldconfig\/.+/, because: 'inode numbers of the machine that made it' },
  { pattern: /^var\/cache\/(?:apt|man|fontconfig)\/.+/, because: 'cache' },
  { pattern: /^var\/cache\/debconf\/[^/]+-old$/, because: 'backup' },
  { pattern: /^var\/lib\/dpkg\/[^/]+-old$/, because: 'backup' },
  { pattern: /^var\/lib\/dpkg\/(?:lock|lock-frontend|triggers\/Lock)$/, because: 'lock' },
  { pattern: /^var\/lib\/(?:apt\/lists|systemd\/(?:random-seed|credential\.secret))(?:\/.+)?$/, because: 'cache' },
  {
    pattern: compiledCache,
    because: 'compiled again when Python needs it; not the same bytes twice',
    withFolders: true,
  },
  { pattern: /^(?:tmp|run|var\/tmp|root|dev|proc|sys)\/.+/, because: 'of the sandbox', withFolders: true },
  { pattern: /(?:^|\/)\.wh\..*|\.dpkg-(?:new|tmp|old)$/, because: 'left by an interrupted installation' },
];

export function isScrubbed(path: string, isFolder: boolean): boolean {
  return scrubbedPaths.some(({ pattern, withFolders }) => (!isFolder || withFolders) && pattern.test(path));
}

const secondsPerDay = 86_400;

/** Files in which scripts write the day of the installation: it becomes the day of the newest package. */
export function normaliseDates(
  tree: ImageTree,
  { mtime, read }: { readonly mtime: number; readonly read: (content: FileContent) => Buffer },
): void {
  const shadow = tree.get('etc/shadow');
  if (shadow?.kind !== 'file') return;
  const day = String(Math.floor(mtime / secondsPerDay));
  const lines = read(shadow.content)
    .toString('utf8')
    .split('\n')
    .map((line) => {
      const fields = line.split(':');
      if (fields.length > 3 && fields[2] !== '') fields[2] = day;
      return fields.join(':');
    });
  const node: TreeNode = {
    ...generatedFile(lines.join('\n'), mtime),
    mode: shadow.mode,
    uid: shadow.uid,
    gid: shadow.gid,
  };
  tree.set('etc/shadow', node);
}
