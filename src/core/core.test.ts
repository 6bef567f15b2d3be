import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { createGate, mapConcurrent, SingleFlight } from './concurrency.ts';
import { Failure } from './errors.ts';
import { retryTransient } from './retry.ts';
import { suggest } from './suggest.ts';

const quick = { attempts: 4, firstDelayMs: 1, maxDelayMs: 2 };

describe('canonicalJson', () => {
  it('is the same for equal values, whatever the order of keys', () => {
    expect(canonicalJson({ b: 1, a: [{ d: undefined, c: 'ä' }] })).toBe('{"a":[{"c":"ä"}],"b":1}');
  });
});

describe('retryTransient', () => {
  it('repeats transient failures and tells of each', async () => {
    const waits: number[] = [];
    let calls = 0;
    const result = await retryTransient(
      async () => {
        if (++calls < 3) throw new Failure('SOURCE_UNREACHABLE', 'down');
        return 'up';
      },
      { policy: quick, onRetry: (_attempt, _error, waitMs) => waits.push(waitMs) },
    );
    expect(result).toBe('up');
    expect(waits).toHaveLength(2);
  });

  it('does not repeat a failure that will not go away', async () => {
    let calls = 0;
    const work = retryTransient(
      async () => {
        calls++;
        throw new Failure('INTEGRITY', 'wrong bytes');
      },
      { policy: quick },
    );
    await expect(work).rejects.toThrow('wrong bytes');
    expect(calls).toBe(1);
  });

  it('gives up after the last attempt, and waits as long as a server wishes', async () => {
    const waits: number[] = [];
    const work = retryTransient(
      async () => {
        throw new Failure('REGISTRY_UNREACHABLE', 'slow down', { details: { retryAfterMs: 30 } });
      },
      { policy: quick, onRetry: (_attempt, _error, waitMs) => waits.push(waitMs) },
    );
    await expect(work).rejects.toThrow('slow down');
    expect(waits).toEqual([30, 30, 30]);
  });
});

describe('mapConcurrent', () => {
  it('keeps order and never exceeds its limit', async () => {
    let inside = 0;
    let most = 0;
    const result = await mapConcurrent([5, 1, 3, 2], 2, async (delay) => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, delay));
      inside--;
      return delay * 2;
    });
    expect(result).toEqual([10, 2, 6, 4]);
    expect(most).toBe(2);
  });

  it('starts nothing new after a failure and throws the first one', async () => {
    const started: number[] = [];
    const work = mapConcurrent([1, 2, 3, 4], 1, async (item) => {
      started.push(item);
      if (item === 2) throw new Error('two');
    });
    await expect(work).rejects.toThrow('two');
    expect(started).toEqual([1, 2]);
  });
});

it('SingleFlight lets callers share one piece of work, and forgets it', async () => {
  const flight = new SingleFlight<number>();
  let calls = 0;
  const work = async (): Promise<number> => ++calls;
  expect(await Promise.all([flight.run('a', work), flight.run('a', work)])).toEqual([1, 1]);
  expect(await flight.run('a', work)).toBe(2);
});

it('createGate lets at most its limit in', async () => {
  const gate = createGate(1);
  const order: string[] = [];
  await Promise.all(
    ['a', 'b'].map((name) =>
      gate(async () => {
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 2));
        order.push(`${name} out`);
      }),
    ),
  );
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out']);
});

it.each([
  ['pubish', ['publish', 'plan'], 'publish'],
  ['repositry', ['repository', 'plainHttp'], 'repository'],
  ['zzz', ['publish'], undefined],
])('suggest(%s) is %s', (word, candidates, expected) => {
  expect(suggest(word, candidates)).toBe(expected);
});
