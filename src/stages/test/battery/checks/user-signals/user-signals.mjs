// SIGUSR1 opens the inspector, SIGUSR2 belongs to the application, and ends a process that does not want it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

async function send(signal, code, isDone, flags = []) {
  const child = spawn(
    process.execPath,
    [...flags, '-e', `${code}; setInterval(() => {}, 1000); console.log('ready')`],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  return await new Promise((resolve) => {
    const look = (chunk) => {
      text += chunk;
      if (text.includes('ready') && signal) {
        child.kill(signal);
        signal = undefined;
      }
      if (isDone.test(text)) child.kill('SIGKILL');
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.on('close', (_, ended) => resolve({ text, ended }));
  });
}

const opened = await send('SIGUSR1', '0', /Debugger listening/, ['--inspect-port=127.0.0.1:0']);
assert.match(opened.text, /Debugger listening/, 'SIGUSR1 does not open the inspector');
const handled = await send('SIGUSR2', 'process.on("SIGUSR2", () => console.log("got it"))', /got it/);
assert.match(handled.text, /got it/, 'SIGUSR2 cannot be handled');
assert.equal(
  (await send('SIGUSR2', '0', /never/)).ended,
  'SIGUSR2',
  'SIGUSR2 does not end a process without a handler',
);
