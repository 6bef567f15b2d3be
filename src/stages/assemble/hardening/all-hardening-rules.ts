import type { HardeningRuleName } from '../../../config/hardening.ts';
import { imagePaths } from '../../plan/variants.ts';
import { folder, generatedFile, type FileContent, type TreeNode } from '../../../trees/image-tree.ts';
import { modeRule, removalRule, type HardeningRule } from './hardening-rule.ts';
import { unneededPackages } from './unneeded-packages.ts';

const systemPath = /^(?:usr|etc|opt|boot|s?bin|lib(?:32|64)?)(?:\/|$)/;
const noLogin = '/usr/sbin/nologin';

/** Programs that change users, or become another one. */
const accountPrograms =
  /^(?:usr\/)?s?bin\/(?:su|sulogin|runuser|passwd|chpasswd|chgpasswd|chage|chfn|chsh|expiry|gpasswd|newgrp|sg|newusers|login|vipw|vigr|pwck|grpck|pwconv|pwunconv|grpconv|grpunconv|user(?:add|del|mod)|group(?:add|del|mod|mems)|add(?:user|group)|del(?:user|group)|cppw|cpgr|newuidmap|newgidmap)$/;

const packageManagers =
  /^(?:(?:usr\/)?s?bin\/(?:apt(?:-[a-z-]+)?|dpkg(?:-[a-z-]+)?|apt-get|debconf[a-z-]*|dselect|update-alternatives|apk|dnf|microdnf|yum|rpm)|(?:usr\/)?lib\/(?:apt|dpkg|apk)|usr\/lib\/[^/]+\/libapt-(?:pkg|private)\.so[^/]*|etc\/(?:apt|apk|yum\.repos\.d|dnf)|var\/lib\/apt|var\/cache\/apt)(?:\/|$)/;

const shells =
  /^(?:usr\/)?bin\/(?:sh|bash|rbash|dash|ash|zsh|ksh|busybox)$|^etc\/shells$|^usr\/local\/bin\/docker-entrypoint\.sh$/;

const logs =
  /^var\/log\/.*[^/]$|^(?:root|home\/[^/]+)\/\.(?:bash|ash|sh|python|node_repl|zsh)_history$|^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$|^var\/backups\/.+/;

/** Each rule of the table in `config/hardening.ts`, by its name. */
export const allHardeningRules: Readonly<Record<HardeningRuleName, HardeningRule>> = {
  'set-id': modeRule(
    (_, node) => node.kind !== 'symlink' && (node.mode & 0o6000) !== 0,
    (node) => ({ ...node, mode: node.mode & ~0o6000 }),
    'has a set-id bit',
  ),
  'file-capabilities': modeRule(
    (_, node) => node.kind === 'file' && node.xattrs?.['security.capability'] !== undefined,
    (node) => (node.kind === 'file' ? withoutCapability(node) : node),
    'has a file capability',
  ),
  'world-writable': modeRule(
    (_, node) =>
      node.kind !== 'symlink' &&
      (node.mode & 0o002) !== 0 &&
      !(node.kind === 'directory' && (node.mode & 0o1000) !== 0),
    (node) => ({ ...node, mode: node.mode & ~0o002 }),
    'is writable by everybody',
  ),
  ownership: modeRule(
    (path, node) => systemPath.test(path) && node.kind !== 'symlink' && (node.uid !== 0 || (node.mode & 0o020) !== 0),
    (node) => ({ ...node, uid: 0, mode: node.mode & ~0o020 }),
    'is not of root alone',
  ),
  'login-shells': {
    apply(tree, { read, mtime }) {
      const node = tree.get('etc/passwd');
      if (node?.kind !== 'file') return;
      const lines = accountLines(node.content, read).map((fields) => [...fields.slice(0, 6), noLogin].join(':'));
      tree.set('etc/passwd', { ...generatedFile(`${lines.join('\n')}\n`, mtime), mode: node.mode });
    },
    check(tree) {
      const node = tree.get('etc/passwd');
      if (node?.kind !== 'file') return [];
      return accountLines(node.content, tree.read)
        .filter((fields) => !/\/(?:nologin|false)$/.test(fields[6] ?? ''))
        .map((fields) => `${fields[0]} has the shell ${fields[6]}`);
    },
  },
  logs: removalRule((path, node) => logs.test(path) && node.kind !== 'directory', 'a log, history or backup'),
  'read-only-root': {
    apply(tree, { mtime }) {
      for (const [path, mode] of Object.entries(mountPoints)) {
        const known = tree.get(path);
        if (known === undefined) tree.set(path, folder(mode, mtime));
        else if (mode === 0o1777 && known.mode !== mode) tree.set(path, { ...known, mode });
      }
    },
    check: (tree) =>
      Object.entries(mountPoints).flatMap(([path, mode]) => {
        const node = tree.get(path);
        if (node?.kind !== 'directory') return [`/${path} is missing, and cannot be made on a read-only root`];
        return mode === 0o1777 && node.mode !== mode ? [`/${path} is not for everybody`] : [];
      }),
  },
  'account-programs': removalRule((path) => accountPrograms.test(path), 'a program that changes users'),
  'unneeded-packages': unneededPackages,
  'package-managers': removalRule((path) => packageManagers.test(path), 'a package manager'),
  shells: removalRule((path) => shells.test(path), 'a shell'),
  'npm-scripts': {
    apply(tree, { mtime }) {
      if (tree.has(imagePaths.npmrc)) return;
      tree.set(imagePaths.npmrc, generatedFile('ignore-scripts=true\n', mtime));
    },
    check(tree) {
      if (tree.get(`${imagePaths.modules}/npm/package.json`) === undefined) return [];
      const node = tree.get(imagePaths.npmrc);
      const text = node?.kind === 'file' ? tree.read(node.content).toString('utf8') : '';
      return /^ignore-scripts ?= ?true$/m.test(text) ? [] : [`/${imagePaths.npmrc} lets npm run install scripts`];
    },
  },
};

/** Folders that get a mount when the root is read-only. */
const mountPoints: Readonly<Record<string, number>> = {
  dev: 0o755,
  proc: 0o555,
  sys: 0o555,
  tmp: 0o1777,
  'var/tmp': 0o1777,
  run: 0o755,
};

function withoutCapability(node: TreeNode & { kind: 'file' }): TreeNode {
  const rest = Object.entries(node.xattrs ?? {}).filter(([name]) => name !== 'security.capability');
  const { xattrs: _, ...plain } = node;
  return rest.length === 0 ? plain : { ...plain, xattrs: Object.fromEntries(rest) };
}

/** Fields of each account (passwd(5)). */
function accountLines(content: FileContent, read: (content: FileContent) => Buffer): string[][] {
  return read(content)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}
