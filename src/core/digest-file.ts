import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Digest } from './digest.ts';

const chunkBytes = 1 << 20;

/**
 * Digest and size in bytes of a file: one part is hashed while the next one is read, and nothing is copied.
 * @throws the system's error when it cannot be read
 */
export async function digestOfFile(path: string): Promise<{ readonly digest: Digest; readonly size: number }> {
  const file = await open(path);
  try {
    const hash = createHash('sha256');
    const buffers = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)] as const;
    let size = 0;
    let [current, next] = buffers;
    let reading = file.read(current, 0, chunkBytes, null);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return { digest: `sha256:${hash.digest('hex')}`, size };
      reading = file.read(next, 0, chunkBytes, null);
      hash.update(current.subarray(0, bytesRead));
      size += bytesRead;
      [current, next] = [next, current];
    }
  } finally {
    await file.close();
  }
}
