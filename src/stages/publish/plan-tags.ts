import semver from 'semver';
import type { Digest } from '../../core/digest.ts';
import { lineNameOf } from '../../formats/node-version.ts';

/** What a tag points to now, as far as its annotations tell. */
export interface TaggedImage {
  readonly digest: Digest;
  readonly version?: string;
  readonly created?: string;
  /** Operating system under it, by the recipe's name. */
  readonly base?: string;
}

export interface TagPlanInput {
  readonly revisionTag: string;
  readonly aliases: readonly string[];
  readonly image: TaggedImage;
  readonly current: ReadonlyMap<string, TaggedImage>;
}

export type TagStep =
  | { readonly kind: 'keep'; readonly tag: string }
  | { readonly kind: 'move'; readonly tag: string; readonly from?: Digest }
  | { readonly kind: 'refuse-immutable'; readonly tag: string; readonly holds: Digest }
  | { readonly kind: 'refuse-base'; readonly tag: string; readonly holds: TaggedImage }
  | { readonly kind: 'refuse-older'; readonly tag: string; readonly holds: TaggedImage };

/** What to do with each tag, the revision tag first, then from the most specific alias to the least. */
export function planTags({ revisionTag, aliases, image, current }: TagPlanInput): TagStep[] {
  return [revisionTag, ...aliases].map((tag) => {
    const now = current.get(tag);
    if (now === undefined) return { kind: 'move', tag };
    if (now.digest === image.digest) return { kind: 'keep', tag };
    if (tag === revisionTag) return { kind: 'refuse-immutable', tag, holds: now.digest };
    if (isOlder(image, now)) return { kind: 'refuse-older', tag, holds: now };
    if (changesBase(image, now)) return { kind: 'refuse-base', tag, holds: now };
    return { kind: 'move', tag, from: now.digest };
  });
}

/** An alias keeps its operating system inside a line: nobody who follows `22` expects another one. */
function changesBase(image: TaggedImage, than: TaggedImage): boolean {
  if (image.base === undefined || than.base === undefined || image.base === than.base) return false;
  if (!semver.valid(than.version) || !semver.valid(image.version)) return false;
  return lineNameOf(String(image.version)) === lineNameOf(String(than.version));
}

/** Older by version, or of the same version and made of older inputs. An image that says nothing is not newer. */
function isOlder(image: TaggedImage, than: TaggedImage): boolean {
  if (!semver.valid(than.version) || !semver.valid(image.version)) return false;
  const order = semver.compare(String(image.version), String(than.version));
  if (order !== 0) return order < 0;
  return (image.created ?? '') < (than.created ?? '');
}
