import { expect, it } from 'vitest';
import { generatedFile, ImageTree, type TreeNode } from '../../../../trees/image-tree.ts';
import type { TestTarget } from '../../suite.ts';
import type { CheckedCell } from '../battery.ts';
import { auditImage } from './audit-image.ts';

it('tells what a file grants beyond its permissions, each in a case of its own', async () => {
  const file = generatedFile('', 1) as TreeNode & { kind: 'file' };
  const nodes: Record<string, TreeNode> = {
    'usr/bin/su': { ...file, mode: 0o4755 },
    'usr/bin/ping': { ...file, xattrs: { 'security.capability': Buffer.from('x') } },
    'usr/bin/id': file,
  };
  const tree = new ImageTree(1);
  for (const [path, node] of Object.entries(nodes)) tree.set(path, node);
  const target = { view: () => Promise.resolve({ tree, config: {} }) } as unknown as TestTarget;
  const ids = ['file-privileges/set-id', 'file-privileges/capabilities'];
  const outcomes = await auditImage(target, { cell: { hardening: [] } as unknown as CheckedCell, ids });
  expect(outcomes.map(({ id, problems }) => [id, problems])).toEqual([
    ['file-privileges/set-id', ['/usr/bin/su has a set-id bit']],
    ['file-privileges/capabilities', ['/usr/bin/ping has a file capability']],
  ]);
});
