import { Transform, type TransformCallback } from 'node:stream';
import { Deflate } from 'pako';
import { gzipParameters } from './compress-gzip.ts';

/** The same bytes as Node.js's own zlib, in plain JavaScript: for a Node.js that was built against another zlib. */
export function createPakoGzip(): Transform {
  const ready: Buffer[] = [];
  const deflate = new Deflate({ ...gzipParameters, gzip: true, chunkSize: 1 << 16 });
  deflate.onData = (chunk: unknown) => void ready.push(Buffer.from(chunk as Uint8Array));
  deflate.onEnd = () => {};
  function drain(stream: Transform): void {
    for (const chunk of ready.splice(0)) stream.push(chunk);
  }
  return new Transform({
    transform(chunk: Buffer, _encoding, callback: TransformCallback) {
      deflate.push(chunk, false);
      drain(this);
      callback();
    },
    flush(callback: TransformCallback) {
      deflate.push(new Uint8Array(0), true);
      drain(this);
      callback();
    },
  });
}
