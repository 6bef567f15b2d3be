import { compareText } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { artifactManifestBytes } from '../formats/oci/artifact-manifest.ts';
import { emptyConfigBytes } from '../formats/oci/descriptor.ts';
import { artifactTypes, mediaTypes } from '../formats/oci/media-types.ts';
import type { LayoutStore } from './layout/layout-store.ts';
import { blobOfBytes } from './read-blob.ts';

export interface ArchivedInput {
  readonly digest: Digest;
  readonly size: number;
  readonly title: string;
}

/**
 * Makes inputs reachable in the layout as one artifact, so that no clean-up takes them: an image can be made again
 * after its mirror has moved on.
 */
export async function archiveInputs(store: LayoutStore, inputs: readonly ArchivedInput[]): Promise<void> {
  await store.putBlob(blobOfBytes(emptyConfigBytes));
  const layers = [...inputs]
    .sort((a, b) => compareText(a.digest, b.digest))
    .map((input) => ({
      mediaType: 'application/octet-stream',
      digest: input.digest,
      size: input.size,
      annotations: { 'org.opencontainers.image.title': input.title },
    }));
  const manifest = artifactManifestBytes({ artifactType: artifactTypes.inputs, layers });
  const descriptor = await store.putManifest(manifest, mediaTypes.manifest);
  await store.keep({ ...descriptor, artifactType: artifactTypes.inputs });
}
