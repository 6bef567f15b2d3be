import fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitObject } from './split-object.ts';

async function split(text: string, sizes: readonly number[]): Promise<Record<string, unknown>> {
  const bytes = Buffer.from(text);
  async function* chunks() {
    let at = 0;
    for (let turn = 0; at < bytes.length; turn++) {
      const size = sizes.length === 0 ? bytes.length : (sizes[turn % sizes.length] ?? 1);
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }
  const found: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for await (const { key, value } of splitObject(chunks())) found[key] = value;
  return found;
}

it('reads any object in any pieces as JSON.parse reads it as a whole', async () => {
  const object = fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    fc.jsonValue(),
  );
  await fc.assert(
    fc.asyncProperty(object, fc.array(fc.integer({ min: 1, max: 7 })), fc.boolean(), async (value, sizes, pretty) => {
      const text = JSON.stringify(value, null, pretty ? 2 : 0);
      expect({ ...(await split(text, sizes)) }).toEqual({ ...(JSON.parse(text) as object) });
    }),
  );
});

it.each(['', '[1]', '"a"', '{"a":1', '{"a":{"b":1}', 'nonsense', '{"a":1}{'])('refuses %j', async (text) => {
  await expect(split(text, [3])).rejects.toThrow(SyntaxError);
});
