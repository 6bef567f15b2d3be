import { mapConcurrent } from '../core/concurrency.ts';
import { Failure } from '../core/errors.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { isIndexType } from '../formats/oci/media-types.ts';
import { readIndex, readManifest } from './manifest.ts';
import type { Store } from './store.ts';

export interface CopyResult {
  readonly uploadedBytes: number;
  readonly uploadedBlobs: number;
}

/**
 * Copies an image, or an image index with all it names, by digest, children before parents, and reads each manifest back. Bytes are
 * streamed as they are; what the target has is not sent again.
 */
export async function copyImage(from: Store, to: Store, image: Descriptor): Promise<CopyResult> {
  let uploadedBytes = 0;
  let uploadedBlobs = 0;
  const isIndex = isIndexType(image.mediaType);
  const children = isIndex ? (await readIndex(from, image.digest)).manifests : [image];
  for (const child of children) {
    const manifest = await readManifest(from, child.digest);
    const blobs = [...new Map([manifest.config, ...manifest.layers].map((blob) => [blob.digest, blob])).values()];
    await mapConcurrent(blobs, 2, async (blob) => {
      const result = await to.putBlob({ digest: blob.digest, size: blob.size, open: () => from.openBlob(blob) });
      if (result === 'present') return;
      uploadedBytes += blob.size;
      uploadedBlobs++;
    });
    await copyManifest(from, to, child);
  }
  if (isIndex) await copyManifest(from, to, image);
  return { uploadedBytes, uploadedBlobs };
}

async function copyManifest(from: Store, to: Store, descriptor: Descriptor): Promise<void> {
  const source = await from.getManifest(descriptor.digest);
  if (!source)
    throw new Failure('NOT_FOUND', `${from.location} has no manifest ${descriptor.digest}`, {
      hint: 'build the cell again',
    });
  await to.putManifest(source.bytes, descriptor.mediaType);
  const stored = await to.getManifest(descriptor.digest);
  if (stored?.bytes.equals(source.bytes)) return;
  throw new Failure('REGISTRY_INVALID', `${to.location} does not give ${descriptor.digest} back as it was sent`, {
    hint: 'no tag was moved; look at the registry',
  });
}
