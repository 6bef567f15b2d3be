import { hexOf, type Digest } from '../core/digest.ts';
import type { LayoutStore } from './layout/layout-store.ts';

const kind = 'proven';

/** Notes that a blob, by its digest, unpacks to a diffID: both were computed over the same stream when it was written. */
export async function noteProven(store: LayoutStore, digest: Digest, diffId: Digest): Promise<void> {
  await store.notes.write(kind, hexOf(digest), diffId, { durable: false });
}

/** Whether the pair is known, so that the uncompressed bytes need no second hash. The blob's own digest is always checked. */
export async function isProven(store: LayoutStore, digest: Digest, diffId: Digest): Promise<boolean> {
  return (await store.notes.read(kind, hexOf(digest))) === diffId;
}
