import type { DebInput } from '../../../sources/input.ts';
import type { FileContent, ImageTree } from '../../../trees/image-tree.ts';

/** A package of the layer: what its control member says. */
export interface LayerPackage {
  readonly input: DebInput;
  readonly control: Readonly<Record<string, string>>;
  /** Files it put into the tree, under the path they have there. */
  readonly paths: readonly string[];
}

export interface RuleContext {
  readonly architecture: 'amd64' | 'arm64';
  /** Newest build time of the layer's packages: the time of everything that rules write. */
  readonly mtime: number;
  readonly packages: readonly LayerPackage[];
  /** Bytes of a file of the tree. */
  readonly read: (content: FileContent) => Buffer;
}

/** One deterministic replacement for something that maintainer scripts would have done. */
export interface Rule {
  readonly name: string;
  readonly summary: string;
  apply(tree: ImageTree, context: RuleContext): void;
}
