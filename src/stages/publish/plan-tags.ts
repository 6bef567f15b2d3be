import semver from 'semver';
import type { Digest } from '../../core/digest.ts';

/** What a tag points to now, as far as its annotations tell. */
export interface TaggedImage {
  readonly digest: Digest;
  readonly version?: string;
  readonly created?: string;
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
  | { readonly kind: 'refuse-older'; readonly tag: string; readonly holds: TaggedImage };

/** What to do with each tag, the revision tag first, then from the most specific alias to the least. */
export function planTags({ revisionTag, aliases, image, current }: TagPlanInput): TagStep[] {
  return [revisionTag, ...aliases].map((tag) => {
    const now = current.get(tag);
    if (now === undefined) return { kind: 'move', tag };
    if (now.digest === image.digest) return { kind: 'keep', tag };
    if (tag === revisionTag) return { kind: 'refuse-immutable', tag, holds: now.digest };
    return isOlder(image, now) ? { kind: 'refuse-older', tag, holds: now } : { kind: 'move', tag, from: now.digest };
  });
}

/** Older by version, or of the same version and made of older inputs. An image that says nothing is not newer. */
function isOlder(image: TaggedImage, than: TaggedImage): boolean {
  if (!semver.valid(than.version) || !semver.valid(image.version)) return false;
  const order = semver.compare(String(image.version), String(than.version));
  if (order !== 0) return order < 0;
  return (image.created ?? '') < (than.created ?? '');
}
