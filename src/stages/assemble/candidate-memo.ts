import type { z } from 'zod';
import { hexOf, type Digest } from '../../core/digest.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';

/** What a candidate was made of: all that decides its bytes. */
export interface CandidateKey {
  readonly kind: 'candidates' | 'image-cells';
  readonly key: Digest;
}

/**
 * What was noted about a candidate that was made before, when the store still has all of its blobs. A note of another
 * shape, as an older version wrote it, is none.
 */
export async function readCandidateMemo<T extends { readonly blobs: readonly Descriptor[] }>(
  store: LayoutStore,
  { kind, key }: CandidateKey,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const text = await store.notes.read(kind, hexOf(key));
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) return undefined;
  const present = await Promise.all(parsed.data.blobs.map((blob) => store.hasBlob(blob.digest, blob.size)));
  return present.every(Boolean) ? parsed.data : undefined;
}
