import { createHash } from 'node:crypto';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createPakoGzip } from './gzip/pako-gzip.ts';
import { goldenBytes, goldenGzip, goldenInput } from './gzip/golden-vector.ts';
import { compressions } from './layer-compression.ts';

const input = goldenInput(goldenBytes);

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function compress(name: 'gzip' | 'zstd', chunk: number): Promise<Buffer> {
  const output: Buffer[] = [];
  for await (const part of compressions[name].compress(inChunks(input, chunk), input.length)) output.push(part);
  return Buffer.concat(output);
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('layer compression', () => {
  it('makes the golden bytes of gzip, whatever the chunks, with a header that names no machine', async () => {
    for (const chunk of [1 << 16, 1 << 18, 1 << 22]) {
      const output = await compress('gzip', chunk);
      expect(sha256(output.subarray(10))).toBe(goldenGzip);
      expect(output.toString('hex', 0, 10)).toBe('1f8b08000000000000ff');
    }
    expect(gunzipSync(await compress('gzip', 1 << 18)).equals(input)).toBe(true);
  });

  it('has a second engine in plain JavaScript with the same bytes', async () => {
    const pako = createPakoGzip();
    const output: Buffer[] = [];
    pako.on('data', (part: Buffer) => output.push(part));
    await new Promise<void>((resolve, reject) => {
      pako.on('end', resolve).on('error', reject);
      for (let at = 0; at < input.length; at += 1 << 18) pako.write(input.subarray(at, at + (1 << 18)));
      pako.end();
    });
    expect(sha256(Buffer.concat(output).subarray(10))).toBe(goldenGzip);
  });

  it('makes the golden bytes of zstd in one frame with its size, whatever the chunks', async () => {
    for (const chunk of [1 << 16, 100_000, 1 << 18, 1 << 22]) {
      const output = await compress('zstd', chunk);
      // Measured on Node.js 22, 24 and 26 with libzstd 1.5.7: the one-shot frame, and an empty last block.
      expect(sha256(output)).toBe('d508b61f8b6cbd03c88b7de780d2e48a56ea985b0af392007d55ec8d427d9b5f');
      expect(output.includes(Buffer.from('28b52ffd2000010000', 'hex'))).toBe(false);
      expect(zstdDecompressSync(output).equals(input)).toBe(true);
    }
  });

  it('passes a failure of its source on instead of ending early', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield input.subarray(0, 1000);
      throw new Error('the disk is gone');
    }
    const read = async (): Promise<void> => {
      for await (const part of compressions.gzip.compress(broken(), 1000)) void part;
    };
    await expect(read()).rejects.toThrow('the disk is gone');
  });
});
