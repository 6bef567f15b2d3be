import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { decompressLayer } from '../store/decompress-layer.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { isProven } from '../store/proven-layers.ts';

/** What compresses best among files that people ship stays far below this; a file of zeros does not. */
const mostTimes = 50;
const smallestLimit = 2 * 2 ** 30;

/**
 * A layer as a tar archive, proven on the way: the blob by its digest, and what it unpacks to by the diffID that a
 * configuration claims. Whoever reads to the last byte has what both promise.
 * @throws Failure INTEGRITY at the end of other bytes, ARCHIVE_HOSTILE in the middle of too many
 */
export async function* openLayer(
  store: LayoutStore,
  layer: Descriptor,
  diffId: Digest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = (await isProven(store, layer.digest, diffId)) ? undefined : createHash('sha256');
  const most = smallestLimit + layer.size * mostTimes;
  let size = 0;
  for await (const chunk of decompressLayer(store.openBlob(layer), layer)) {
    size += chunk.length;
    if (size > most)
      throw new Failure(
        'ARCHIVE_HOSTILE',
        `layer ${layer.digest} has ${layer.size} bytes and unpacks to more than ${Math.round(most / 1e6)} MB`,
        { hint: 'no files that people write compress like that: it was made to fill disks, and is not unpacked' },
      );
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
