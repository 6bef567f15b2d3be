// A child leaves a grandchild behind; when that one ends, the init must take it away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

if (process.argv[2] === 'child') {
  const grandchild = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60)'], { detached: true, stdio: 'ignore' });
  grandchild.unref();
  process.stdout.write(String(grandchild.pid));
  process.exit(0);
}
const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let orphan = '';
for await (const chunk of child.stdout) orphan += chunk;
assert.match(orphan, /^\d+$/);
assert.equal(readFileSync('/proc/1/comm', 'utf8').trim(), 'tini', 'process 1 is no init');
const deadline = Date.now() + 5000;
while (readdirSync('/proc').includes(orphan)) {
  if (Date.now() > deadline) throw new Error(`process ${orphan} was not reaped`);
  await sleep(10);
}
