import { join } from 'node:path';
import { hexOf, type Digest } from '../core/digest.ts';
import { readTextIfExists, writeFileAtomic } from '../core/files.ts';
import type { LayoutStore } from './layout/layout-store.ts';

/** Notes that a blob, by its digest, unpacks to a diffID: both were computed over the same stream when it was written. */
export async function noteProven(store: LayoutStore, digest: Digest, diffId: Digest): Promise<void> {
  await writeFileAtomic(pathOf(store, digest), diffId);
}

/** Whether the pair is known, so that the uncompressed bytes need no second hash. The blob's own digest is always checked. */
export async function isProven(store: LayoutStore, digest: Digest, diffId: Digest): Promise<boolean> {
  return (await readTextIfExists(pathOf(store, digest))) === diffId;
}

function pathOf(store: LayoutStore, digest: Digest): string {
  return join(store.stateFolder, 'proven', hexOf(digest));
}
