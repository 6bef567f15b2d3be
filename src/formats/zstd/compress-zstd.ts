import { createZstdCompress, constants, type ZstdCompress } from 'node:zlib';

export const zstdParameters = { level: 9 } as const;
export const zstdCompressorId = 'zstd/1.5.7/L9/single';

/**
 * One frame with its content size in the header: the size must be pledged. No worker threads: libzstd truncates a
 * stream with them, and their bytes differ. The caller must await every write before it ends the stream, or an empty
 * second frame may follow, depending on timing.
 */
export function createNativeZstd(contentBytes: number): ZstdCompress {
  return createZstdCompress({
    chunkSize: 1 << 18,
    pledgedSrcSize: contentBytes,
    params: { [constants.ZSTD_c_compressionLevel]: zstdParameters.level },
  });
}
