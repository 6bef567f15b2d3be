import { Readable } from 'node:stream';
import xz from 'xz-decompress';
import { Failure } from '../../core/errors.ts';

/** Bytes of an .xz stream, decoded in WebAssembly: Node.js has no decoder of its own. Back-pressure is the consumer's. */
export async function* decompressXz(bytes: Uint8Array, name: string): AsyncGenerator<Buffer> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  try {
    for await (const chunk of Readable.fromWeb(new xz.XzReadableStream(source) as never))
      yield Buffer.from(chunk as Uint8Array);
  } catch (error) {
    throw new Failure('INTEGRITY', `${name}: the xz stream is damaged`, { hint: 'fetch it again', cause: error });
  }
}
