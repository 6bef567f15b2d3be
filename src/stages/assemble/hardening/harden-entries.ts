import type { HardeningRuleName } from '../../../config/hardening.ts';
import { ImageTree, type TreeEntry } from '../../../trees/image-tree.ts';
import { removeDanglingLinks } from '../dangling-links.ts';
import { allHardeningRules } from './all-hardening-rules.ts';
import type { CheckedTree, HardeningContext } from './hardening-rule.ts';

/** Entries after the rules were applied in the order of the table. */
export function hardenEntries(
  entries: readonly TreeEntry[],
  rules: readonly HardeningRuleName[],
  context: HardeningContext,
): TreeEntry[] {
  if (rules.length === 0) return [...entries];
  const tree = new ImageTree(context.mtime);
  for (const { path, node } of entries) tree.set(path, node);
  for (const rule of rules) allHardeningRules[rule].apply(tree, context);
  const before = new Set(entries.map(({ path }) => path));
  removeDanglingLinks(tree, (_, target) => before.has(target));
  return repairHardlinks(tree, entries);
}

/** A rule may have taken away the path that others are links to: the first of them becomes the file. */
function repairHardlinks(tree: ImageTree, before: readonly TreeEntry[]): TreeEntry[] {
  const files = new Map(before.map(({ path, node }) => [path, node]));
  const heirs = new Map<string, string>();
  return tree.entries().map(({ path, node }): TreeEntry => {
    if (node.kind !== 'hardlink' || tree.has(node.target)) return { path, node };
    const heir = heirs.get(node.target);
    if (heir !== undefined) return { path, node: { ...node, target: heir } };
    heirs.set(node.target, path);
    const file = files.get(node.target);
    return { path, node: file?.kind === 'file' ? { ...file, mode: node.mode, uid: node.uid, gid: node.gid } : node };
  });
}

/** What of a frozen image is against a rule; nothing when it holds. */
export function checkRule(rule: HardeningRuleName, tree: CheckedTree): string[] {
  return allHardeningRules[rule].check(tree);
}
