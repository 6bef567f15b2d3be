// SIGUSR1 opens the inspector in a process that runs already.
const { spawn } = require('child_process');

module.exports = (done) => {
  const child = spawn(process.execPath, [
    '--inspect-port=127.0.0.1:9230',
    '-e',
    'setInterval(() => {}, 1000); console.log("ready")',
  ]);
  let text = '';
  let isOpen = false;
  child.stdout.once('data', () => child.kill('SIGUSR1'));
  child.stderr.on('data', (chunk) => {
    text += chunk;
    if (!/Debugger listening/.test(text)) return;
    isOpen = true;
    child.kill('SIGKILL');
  });
  child.on('close', () => done(isOpen ? undefined : new Error(`SIGUSR1 does not open the inspector: ${text}`)));
};
