// Runs in a network namespace of its own: listens where a container looks for the hosts it may use, and hands each
// connection over a unix socket to the process that may connect to them.
import { execFileSync } from 'node:child_process';
import { connect, createServer, isIP } from 'node:net';

const [, , socketPath, listeners] = process.argv;
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
ip('link', 'set', 'lo', 'up');
for (const [index, { address, port }] of JSON.parse(listeners).entries()) {
  const isLoopback = address.startsWith('127.') || address === '::1';
  if (!isLoopback) ip('addr', 'replace', `${address}/${isIP(address) === 6 ? 128 : 32}`, 'dev', 'lo');
  const server = createServer((inside) => {
    const outside = connect(socketPath);
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
    outside.write(`${index}\n`);
    inside.pipe(outside).pipe(inside);
  });
  await new Promise((resolve, reject) => server.on('error', reject).listen(port, address, resolve));
}
process.stdout.write('ready\n');
