import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchDisk } from './disk-watch.ts';

const mebibyte = 1 << 20;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeworthy-disk-'));
  for (const name of ['upper', 'bind']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'file'), '');
  await writeFile(join(folder, 'bind/before'), Buffer.alloc(24 * mebibyte));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

it.each(['upper/new', 'bind/new', 'file'])(
  'what is written to %s counts, and what was there before does not',
  async (name) => {
    const exceeded = vi.fn();
    const binds = [join(folder, 'bind'), join(folder, 'file')];
    const watch = watchDisk({ upper: join(folder, 'upper'), binds }, 16 * mebibyte, exceeded);
    try {
      await sleep(500);
      await writeFile(join(folder, name), Buffer.alloc(12 * mebibyte), { flush: true });
      await sleep(700);
      expect(exceeded).not.toHaveBeenCalled();
      await writeFile(join(folder, name), Buffer.alloc(32 * mebibyte), { flush: true });
      await expect.poll(() => exceeded.mock.calls.length, { timeout: 10_000 }).toBeGreaterThan(0);
    } finally {
      watch.stop();
    }
  },
);
