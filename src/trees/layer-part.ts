import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import type { ContentFile } from './content-access.ts';
import type { TreeEntry } from './image-tree.ts';

/** One layer before it is written, or as it lies in an image of somebody else. */
export interface LayerPart {
  /** What it is, for the history. */
  readonly title: string;
  readonly entries: readonly TreeEntry[];
  /** Files that the entries refer to. */
  readonly files: readonly ContentFile[];
  /** The bytes of a layer that exists already: it is kept as it is unless it is merged with another. */
  readonly existing?: { readonly descriptor: Descriptor; readonly diffId: Digest };
}
