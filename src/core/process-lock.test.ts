import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/support/workspace.ts';
import { withProcessLock } from './process-lock.ts';

const source = fileURLToPath(new URL('./process-lock.ts', import.meta.url));

/** A process that takes the lock, says so, and never gives it back. */
function holder(path: string) {
  const code = `const { withProcessLock } = await import(${JSON.stringify(source)}); await withProcessLock(${JSON.stringify(path)}, async () => { console.log('held'); await new Promise((resolve) => setTimeout(resolve, 60000)); });`;
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

it('keeps others out, and is free again the moment its holder is killed', async () => {
  const path = join(await temporaryFolder(), 'a.lock');
  const child = holder(path);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await expect(withProcessLock(path, async () => 'in', { waitMs: 50 })).rejects.toMatchObject({ code: 'STORE_BUSY' });
  child.kill('SIGKILL');
  expect(await withProcessLock(path, async () => 'in', { waitMs: 5000 })).toBe('in');
});

it('gives the lock back when the work fails', async () => {
  const path = join(await temporaryFolder(), 'a.lock');
  await expect(withProcessLock(path, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withProcessLock(path, async () => 1, { waitMs: 100 })).toBe(1);
});
