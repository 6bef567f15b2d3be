// More processes than the container may have: each refusal is an error that can be handled, and the first one lives on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

let refused = 0;
const children = [];
for (let at = 0; at < 12; at++) {
  try {
    children.push(
      spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'ignore' }).on('error', () => refused++),
    );
  } catch {
    refused++;
  }
}
// An emulator needs seconds for what a processor does at once.
let ended = 0;
for (let at = 0; at < 150 && refused + ended === 0; at++) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  ended = children.filter(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null).length;
}
for (const child of children) child.kill('SIGKILL');
assert.ok(refused + ended > 0, 'the limit of processes is not enforced');
await new Promise((resolve) => setTimeout(resolve, 200));
console.log('still here');
process.exit(0);
