import { createHash } from 'node:crypto';
import { Failure } from '../../core/errors.ts';

export const goldenBytes = 8 << 20;
/** SHA-256 of the gzip stream of {@link goldenInput} at level 4, without its ten header bytes; the same on Node.js 22, 24, 26 and in pako 3. */
export const goldenGzip = 'cde1241f221492616f8b457fe670e4d6917dad5a049d0df8d6c3f4ffac7ed172';

/** Words drawn from a linear congruential generator, with runs of noise: exercises matches, literals and block splits. */
export function goldenInput(sizeBytes: number): Buffer {
  const out = Buffer.alloc(sizeBytes);
  let state = 0x12345678;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const words = Array.from({ length: 512 }, (_, index) => {
    let word = '';
    for (let letter = 0; letter < 2 + (index % 9); letter++) word += String.fromCharCode(97 + ((next() >>> 24) % 26));
    return Buffer.from(word + (index % 7 === 0 ? '\n' : ' '));
  });
  for (let at = 0; at < sizeBytes;) {
    const word = words[(next() >>> 20) % 512] as Buffer;
    const take = Math.min(word.length, sizeBytes - at);
    word.copy(out, at, 0, take);
    at += take;
    if (((state >>> 16) & 0xff) !== 0) continue;
    for (let noise = 0; noise < 64 && at < sizeBytes; noise++) out[at++] = next() >>> 24;
  }
  return out;
}

export type GzipEngine = 'native' | 'pako';

/**
 * Which engine makes the reference bytes on this Node.js. Both are measured against the golden vector: a Node.js that
 * was linked with another zlib gets the slower engine, and neither one right is an error.
 * @throws Failure COMPRESSOR_UNKNOWN
 */
export async function chooseGzipEngine(
  compress: (engine: GzipEngine, input: Buffer) => Promise<Buffer>,
): Promise<GzipEngine> {
  const input = goldenInput(goldenBytes);
  for (const engine of ['native', 'pako'] as const) {
    const output = await compress(engine, input);
    if (createHash('sha256').update(output.subarray(10)).digest('hex') === goldenGzip) return engine;
  }
  throw new Failure('COMPRESSOR_UNKNOWN', 'this Node.js compresses to other bytes than the reference', {
    hint: 'use a Node.js as its project releases it, for example the npm package "node"; images made here would have other digests',
  });
}
