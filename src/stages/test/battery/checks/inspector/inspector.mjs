// Whoever may run the process must be able to look into it: the inspector answers over HTTP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', '-e', 'setInterval(() => {}, 1000)'], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
const address = await new Promise((resolve, reject) => {
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += chunk;
    const match = /ws:\/\/(127\.0\.0\.1:\d+)\//.exec(text);
    if (match) resolve(match[1]);
  });
  child.on('close', () => reject(new Error(`the inspector did not open: ${text}`)));
});
const targets = await (await fetch(`http://${address}/json/list`)).json();
child.kill('SIGKILL');
assert.equal(targets[0].type, 'node');
assert.match(targets[0].webSocketDebuggerUrl, /^ws:/);
