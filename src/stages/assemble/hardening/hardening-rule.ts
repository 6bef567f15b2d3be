import type { FileContent, ImageTree, TreeEntry, TreeNode } from '../../../trees/image-tree.ts';

export interface HardeningContext {
  readonly mtime: number;
  readonly read: (content: FileContent) => Buffer;
}

/** The whole file system of an image, as its layers make it together. */
export interface CheckedTree {
  readonly entries: readonly TreeEntry[];
  get(path: string): TreeNode | undefined;
  readonly read: (content: FileContent) => Buffer;
}

/** A pure transform of a tree, and the assertion that it held, made on the frozen image. */
export interface HardeningRule {
  apply(tree: ImageTree, context: HardeningContext): void;
  /** What is against the rule; nothing when it holds. */
  check(tree: CheckedTree): string[];
}

/** A rule that takes away every path of a kind. */
export function removalRule(matches: (path: string, node: TreeNode) => boolean, what: string): HardeningRule {
  return {
    apply(tree) {
      for (const { path, node } of tree.entries()) if (matches(path, node)) tree.delete(path);
    },
    check: ({ entries }) =>
      entries.filter(({ path, node }) => matches(path, node)).map(({ path }) => `/${path} is ${what}`),
  };
}

/** A rule that changes owner or mode of what does not fit. */
export function modeRule(
  isWrong: (path: string, node: TreeNode) => boolean,
  right: (node: TreeNode) => TreeNode,
  what: string,
): HardeningRule {
  return {
    apply(tree) {
      for (const { path, node } of tree.entries()) if (isWrong(path, node)) tree.set(path, right(node));
    },
    check: ({ entries }) =>
      entries.filter(({ path, node }) => isWrong(path, node)).map(({ path }) => `/${path} ${what}`),
  };
}
