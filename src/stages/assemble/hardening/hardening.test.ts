import { describe, expect, it } from 'vitest';
import { hardeningProfiles, hardeningRuleNames, rulesFor, type HardeningRuleName } from '../../../config/hardening.ts';
import {
  folder,
  generatedFile,
  symlink,
  type FileContent,
  type TreeEntry,
  type TreeNode,
} from '../../../trees/image-tree.ts';
import { checkRule, hardenEntries } from './harden-entries.ts';

const file = (text = '', mode = 0o644): TreeNode => generatedFile(text, 1, mode);
const owned = (node: TreeNode, uid: number, gid: number): TreeNode => ({ ...node, uid, gid });
const read = (content: FileContent): Buffer => (content.kind === 'bytes' ? content.bytes : Buffer.alloc(0));
const context = { mtime: 2, read };
const stanza = (name: string): string => `Package: ${name}\nStatus: install ok installed\n`;

/** For each rule a tree that breaks it in every way it knows, and what must still be there afterwards. */
const broken: Readonly<
  Record<HardeningRuleName, { nodes: Record<string, TreeNode>; problems: number; kept: string[] }>
> = {
  'set-id': {
    nodes: { 'usr/bin/su': file('', 0o4755), 'usr/bin/wall': file('', 0o2755), 'var/mail': folder(0o2775, 1) },
    problems: 3,
    kept: ['usr/bin/su', 'usr/bin/wall'],
  },
  'file-capabilities': {
    nodes: {
      'usr/bin/ping': {
        ...(file() as TreeNode & { kind: 'file' }),
        xattrs: { 'security.capability': Buffer.from('x') },
      },
    },
    problems: 1,
    kept: ['usr/bin/ping'],
  },
  'world-writable': {
    nodes: { 'etc/x': file('', 0o666), data: folder(0o777, 1), tmp: folder(0o1777, 1), l: symlink('x', 1) },
    problems: 2,
    kept: ['etc/x', 'data', 'tmp', 'l'],
  },
  ownership: {
    nodes: {
      'usr/bin/x': owned(file('', 0o775), 1000, 0),
      'etc/y': file('', 0o664),
      'home/node': owned(folder(0o775, 1), 1000, 0),
    },
    problems: 2,
    kept: ['usr/bin/x', 'etc/y', 'home/node'],
  },
  'login-shells': {
    nodes: {
      'etc/passwd': file(
        'root:x:0:0:root:/root:/bin/bash\nsync:x:4:65534:sync:/bin:/bin/sync\nnode:x:1:1::/:/usr/sbin/nologin\n',
      ),
    },
    problems: 2,
    kept: ['etc/passwd'],
  },
  logs: {
    nodes: {
      'var/log/dpkg.log': file(),
      'var/log/apt/history.log': file(),
      'root/.bash_history': file(),
      'etc/shadow-': file(),
      'var/backups/x': file(),
      'etc/shadow': file(),
    },
    problems: 5,
    kept: ['etc/shadow', 'var/log/apt'],
  },
  'read-only-root': { nodes: { etc: folder(0o755, 1) }, problems: 6, kept: ['etc', 'tmp', 'var/tmp', 'proc'] },
  'account-programs': {
    nodes: { 'usr/bin/su': file(), 'usr/bin/passwd': file(), 'usr/sbin/useradd': file(), 'usr/bin/id': file() },
    problems: 3,
    kept: ['usr/bin/id'],
  },
  'unneeded-packages': {
    nodes: {
      'var/lib/dpkg/status': file(`${stanza('mount')}\n${stanza('bash')}\n`),
      'var/lib/dpkg/info/mount.list': file('/.\n/bin\n/bin/mount\n/usr/share/both\n'),
      'var/lib/dpkg/info/mount.md5sums': file(),
      'var/lib/dpkg/info/bash.list': file('/.\n/bin/bash\n/usr/share/both\n'),
      'usr/bin/mount': file(),
      'usr/bin/bash': file(),
      'usr/share/both': file(),
    },
    problems: 1,
    kept: ['usr/bin/bash', 'usr/share/both', 'var/lib/dpkg/info/bash.list'],
  },
  'package-managers': {
    nodes: {
      'usr/bin/apt-get': file(),
      'usr/bin/dpkg': file(),
      'usr/lib/apt/methods/http': file(),
      'sbin/apk': file(),
      'var/lib/dpkg/status': file(),
    },
    problems: 4,
    kept: ['var/lib/dpkg/status'],
  },
  shells: {
    nodes: {
      'bin/sh': symlink('dash', 1),
      'usr/bin/bash': file(),
      'usr/local/bin/docker-entrypoint.sh': file(),
      'usr/bin/env': file(),
    },
    problems: 3,
    kept: ['usr/bin/env'],
  },
  'npm-scripts': {
    nodes: { 'usr/local/lib/node_modules/npm/package.json': file('{}') },
    problems: 1,
    kept: ['usr/local/lib/node_modules/npm/package.json', 'usr/local/etc/npmrc'],
  },
};

function view(entries: readonly TreeEntry[]) {
  const nodes = new Map(entries.map(({ path, node }) => [path, node]));
  return { entries, get: (path: string) => nodes.get(path), read };
}

describe('a rule of hardening', () => {
  it.each(hardeningRuleNames)('%s is noticed when it is broken, and holds after it was applied', (rule) => {
    const { nodes, problems, kept } = broken[rule];
    const entries = hardenEntries(
      Object.entries(nodes).map(([path, node]) => ({ path, node })),
      [],
      context,
    );
    expect(checkRule(rule, view(entries)).length, 'before').toBe(problems);
    const hardened = hardenEntries(entries, [rule], context);
    expect(checkRule(rule, view(hardened))).toEqual([]);
    const paths = hardened.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(kept));
    // Nothing left to do: the transform of its own result is that result.
    expect(hardenEntries(hardened, [rule], context)).toEqual(hardened);
  });

  it('takes a package out of the database with its files', () => {
    const entries = Object.entries(broken['unneeded-packages'].nodes).map(([path, node]) => ({ path, node }));
    const hardened = hardenEntries(entries, ['unneeded-packages'], context);
    const paths = hardened.map(({ path }) => path);
    expect(paths).not.toContain('usr/bin/mount');
    expect(paths).not.toContain('var/lib/dpkg/info/mount.list');
    const status = hardened.find(({ path }) => path === 'var/lib/dpkg/status')?.node;
    expect(status?.kind === 'file' && read(status.content).toString()).toBe(`${stanza('bash')}\n`);
  });

  it('takes links away whose target it takes away, and no other', () => {
    const hardened = hardenEntries(
      [
        { path: 'usr/sbin/useradd', node: file() },
        { path: 'usr/bin/id', node: file() },
        { path: 'etc/alternatives/adder', node: symlink('/sbin/useradd', 1) },
        { path: 'usr/bin/adder', node: symlink('../../etc/alternatives/adder', 1) },
        { path: 'usr/bin/who', node: symlink('id', 1) },
        { path: 'usr/lib/mounted', node: symlink('/somewhere/else', 1) },
      ],
      ['account-programs'],
      context,
    );
    expect(hardened.filter(({ node }) => node.kind !== 'directory').map(({ path }) => path)).toEqual([
      'usr/bin/id',
      'usr/bin/who',
      'usr/lib/mounted',
    ]);
  });

  it('leaves the other name of a hard link whose first name it takes away', () => {
    const { mode, uid, gid, mtime } = file();
    const hardened = hardenEntries(
      [
        { path: 'bin/dash', node: file('shell') },
        { path: 'bin/other', node: { kind: 'hardlink', target: 'bin/dash', mode, uid, gid, mtime } },
        { path: 'bin/third', node: { kind: 'hardlink', target: 'bin/dash', mode, uid, gid, mtime } },
      ],
      ['shells'],
      context,
    );
    expect(hardened.filter(({ node }) => node.kind !== 'directory')).toMatchObject([
      { path: 'bin/other', node: { kind: 'file' } },
      { path: 'bin/third', node: { kind: 'hardlink', target: 'bin/other' } },
    ]);
  });
});

it('profiles grow, and a build image keeps what it needs', () => {
  expect(rulesFor('strict', 'runtime')).toEqual(hardeningRuleNames);
  expect(rulesFor('standard', 'runtime')).toEqual(hardeningProfiles.standard);
  expect(rulesFor('strict', 'build')).toEqual(hardeningProfiles.standard);
  expect(rulesFor('none', 'slim')).toEqual([]);
  expect(rulesFor(['shells', 'set-id'], 'slim')).toEqual(['set-id', 'shells']);
});
