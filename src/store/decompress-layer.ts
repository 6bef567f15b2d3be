import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { mediaTypes } from '../formats/oci/media-types.ts';

/** The tar archive inside of a layer blob, by its media type. */
export function decompressLayer(
  chunks: AsyncIterable<Uint8Array>,
  layer: Pick<Descriptor, 'mediaType'>,
): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks);
  if (layer.mediaType === mediaTypes.layerTar) return source;
  const decoder =
    layer.mediaType === mediaTypes.layerZstd
      ? createZstdDecompress({ chunkSize: 1 << 18 })
      : createGunzip({ chunkSize: 1 << 18 });
  source.on('error', (error) => decoder.destroy(error));
  return source.pipe(decoder as unknown as NodeJS.ReadWriteStream) as unknown as AsyncIterable<Uint8Array>;
}
