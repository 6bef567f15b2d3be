import { Failure, isFailure } from '../../core/errors.ts';
import type { NodeInput } from '../../sources/input.ts';

/** What became of the Node.js input of one release and platform, or of a tool. */
export type Acquired<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** @throws the failure of an input that could not be had */
export function requireAcquired<T>(acquired: Acquired<T> | undefined): T {
  if (acquired === undefined) throw new TypeError('an input was never asked for');
  if (acquired.kind === 'failed') throw acquired.failure;
  return acquired.value;
}

/** A failure becomes data: it belongs to the cells that need the input, and to no other. */
export async function settled<T>(work: () => Promise<T>): Promise<Acquired<T>> {
  try {
    return { kind: 'found', value: await work() };
  } catch (error) {
    if (!isFailure(error) || error.code === 'DISK_FULL' || error.code === 'INTERRUPTED') throw error;
    return { kind: 'failed', failure: error };
  }
}

export function found<T>(acquired: ReadonlyMap<string, Acquired<T>>): T[] {
  return [...acquired.values()].flatMap((entry) => (entry.kind === 'found' ? [entry.value] : []));
}

/** Names the binary of one release, platform and C library. */
export function nodeKey({ version, platform, libc }: Pick<NodeInput, 'version' | 'platform' | 'libc'>): string {
  return `${version} ${platform} ${libc}`;
}
