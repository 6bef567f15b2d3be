import { createHash } from 'node:crypto';
import { digestOf, type Digest } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import type { BlobSource, Store } from './store.ts';

/** Passes chunks on and proves at the end, before the consumer is told it is the end, that they are what was asked for. */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  expected: { readonly digest: Digest; readonly size?: number; readonly from: string },
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (expected.size !== undefined && size > expected.size) break;
    hash.update(chunk);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  const sizeFits = expected.size === undefined || size === expected.size;
  if (digest === expected.digest && sizeFits) return;
  throw notTheBytes(expected, { digest, size });
}

export function notTheBytes(
  expected: { readonly digest: Digest; readonly size?: number; readonly from: string },
  found: { readonly digest: string; readonly size: number },
): Failure {
  return new Failure('INTEGRITY', `${expected.from}: the bytes of ${expected.digest} are not the right ones`, {
    hint: 'the store or registry returned other bytes than asked for; nothing of them was used',
    details: { expected: expected.digest, found: found.digest, expectedBytes: expected.size, foundBytes: found.size },
  });
}

/** Reads all of a blob, for nothing but its digest. @throws Failure INTEGRITY */
export async function proveBlob(store: Store, descriptor: Pick<Descriptor, 'digest' | 'size'>): Promise<void> {
  if (store.proveBlob) return await store.proveBlob(descriptor);
  for await (const chunk of store.openBlob(descriptor)) void chunk;
}

/** A small blob as a whole. @throws Failure SOURCE_INVALID when it is larger than `maxBytes`. */
export async function readBlob(
  store: Store,
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  maxBytes = 16 << 20,
): Promise<Buffer> {
  if (descriptor.size > maxBytes) {
    throw new Failure(
      'STORE_DAMAGED',
      `${store.location}: ${descriptor.digest} has ${descriptor.size} bytes, at most ${maxBytes} make sense`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.openBlob(descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function blobOfBytes(bytes: Buffer): BlobSource {
  return { digest: digestOf(bytes), size: bytes.length, open: () => oneChunk(bytes) };
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
