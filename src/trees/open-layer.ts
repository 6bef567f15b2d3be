import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { decompressLayer } from '../store/decompress-layer.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { isProven } from '../store/proven-layers.ts';

/**
 * A layer as a tar archive, proven on the way: the blob by its digest, and what it unpacks to by the diffID that a
 * configuration claims. Whoever reads to the last byte has what both promise.
 * @throws Failure INTEGRITY at the end of other bytes
 */
export async function* openLayer(
  store: LayoutStore,
  layer: Descriptor,
  diffId: Digest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = (await isProven(store, layer.digest, diffId)) ? undefined : createHash('sha256');
  for await (const chunk of decompressLayer(store.openBlob(layer), layer)) {
    hash?.update(chunk);
    yield chunk;
  }
  const found = hash === undefined ? diffId : `sha256:${hash.digest('hex')}`;
  if (found === diffId) return;
  throw new Failure('INTEGRITY', `layer ${layer.digest} unpacks to ${found}, the image says ${diffId}`, {
    hint: 'the image is damaged; nothing of it was used',
  });
}

/** What comes after the last entry of an archive belongs to its digest as well. */
export async function readToEnd(tar: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const rest of tar) void rest;
}
