import { Readable, type Transform } from 'node:stream';
import { mediaTypes } from './oci/media-types.ts';
import { createNativeGzip, gzipCompressorId, normaliseGzipHeader } from './gzip/compress-gzip.ts';
import { chooseGzipEngine, type GzipEngine } from './gzip/golden-vector.ts';
import { createPakoGzip } from './gzip/pako-gzip.ts';
import { createNativeZstd, zstdCompressorId } from './zstd/compress-zstd.ts';

export type CompressionName = 'gzip' | 'zstd';

export interface Compression {
  /** Names everything that decides the compressed bytes. */
  readonly id: string;
  readonly mediaType: string;
  compress(chunks: AsyncIterable<Buffer>, contentBytes: number): AsyncIterable<Buffer>;
}

export const compressions: Readonly<Record<CompressionName, Compression>> = {
  gzip: { id: gzipCompressorId, mediaType: mediaTypes.layerGzip, compress: compressGzip },
  zstd: {
    id: zstdCompressorId,
    mediaType: mediaTypes.layerZstd,
    compress: (chunks, size) => through(chunks, createNativeZstd(size)),
  },
};

let engine: Promise<GzipEngine> | undefined;

async function* compressGzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  engine ??= chooseGzipEngine(async (candidate, input) => {
    const output: Buffer[] = [];
    for await (const chunk of through(Readable.from([input]), createEngine(candidate))) output.push(chunk);
    return Buffer.concat(output);
  });
  const header = normaliseGzipHeader();
  yield* through(through(chunks, createEngine(await engine)), header);
}

function createEngine(name: GzipEngine): Transform {
  return name === 'native' ? (createNativeGzip() as unknown as Transform) : createPakoGzip();
}

/** Feeds a transform one chunk at a time, each write awaited: its output never depends on how writes were queued. */
async function* through(
  chunks: AsyncIterable<Buffer>,
  transform: NodeJS.ReadWriteStream & { destroy(error?: Error): unknown },
): AsyncGenerator<Buffer> {
  const feeding = feed(chunks, transform);
  feeding.catch((error: unknown) => transform.destroy(error instanceof Error ? error : new Error(String(error))));
  for await (const chunk of transform) yield chunk as unknown as Buffer;
  await feeding;
}

async function feed(chunks: AsyncIterable<Buffer>, transform: NodeJS.ReadWriteStream): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      transform.write(chunk, (error?: Error | null) => (error ? reject(error) : resolve()));
    });
  }
  transform.end();
}
