import { setTimeout as sleep } from 'node:timers/promises';
import { isFailure } from './errors.ts';

export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export const defaultRetry: RetryPolicy = { attempts: 5, firstDelayMs: 200, maxDelayMs: 15_000 };

/** The policy of a recipe. */
export function toRetryPolicy(retries: { attempts: number; firstWaitMs: number; maxWaitMs: number }): RetryPolicy {
  return { attempts: retries.attempts, firstDelayMs: retries.firstWaitMs, maxDelayMs: retries.maxWaitMs };
}

export interface RetryOptions {
  readonly policy?: RetryPolicy;
  readonly signal?: AbortSignal;
  readonly onRetry?: (attempt: number, error: Error, waitMs: number) => void;
}

/**
 * Repeats `work` while it throws transient failures, with exponential back-off and full jitter; a server's wish
 * (`details.retryAfterMs`) wins when it is longer. Every other error is thrown at once.
 */
export async function retryTransient<T>(work: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const policy = options.policy ?? defaultRetry;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isFailure(error) || !error.isTransient || attempt >= policy.attempts) throw error;
      const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
      const wished = error.details?.['retryAfterMs'];
      const waitMs = Math.max(
        ceiling * (0.5 + Math.random() / 2),
        typeof wished === 'number' ? Math.min(wished, 120_000) : 0,
      );
      options.onRetry?.(attempt, error, waitMs);
      await sleep(waitMs, undefined, { signal: options.signal });
    }
  }
}
