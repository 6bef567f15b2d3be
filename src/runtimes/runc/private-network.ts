import { lookup } from 'node:dns';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { connect, createServer, isIP, type LookupFunction, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mayLead, reachOf, reachOfHost } from '../../core/reach.ts';
import { Failure } from '../../core/errors.ts';

/** A network namespace in which only the allowed hosts exist. It ends with `close`, and with us. */
export interface PrivateNetwork {
  /** For the container to join. */
  readonly namespacePath: string;
  /** Lines for `/etc/hosts` that lead the allowed names to their forwarders. */
  readonly hostLines: readonly string[];
  /** Names that lead nearer than they may, with where to. */
  readonly refused: ReadonlySet<string>;
  close(): Promise<void>;
}

interface Destination {
  readonly host: string;
  readonly port: number;
  readonly isPublic: boolean;
  /** Where the container finds it. */
  readonly address: string;
}

const forwarder = fileURLToPath(new URL('./forwarder.mjs', import.meta.url));

/**
 * Inside, each allowed `HOST:PORT` is an address of the loopback interface where a forwarder listens; it hands
 * connections to us over a unix socket, and we connect to that host and no other, by the address that was judged. There
 * is no route, no resolver and nothing of the machine's network to be changed.
 * @throws Failure USAGE for a host that is not `HOST:PORT`; RUNTIME_FAILED when the namespace cannot be made
 */
export async function openPrivateNetwork(
  { hosts, publicHosts }: { readonly hosts: readonly string[]; readonly publicHosts: readonly string[] },
  folder: string,
): Promise<PrivateNetwork> {
  const destinations = [...hosts, ...publicHosts]
    .map(toDestination)
    .map((destination, index) => ({ ...destination, isPublic: index >= hosts.length }));
  const socketPath = join(folder, 'network.sock');
  const open = new Set<Socket>();
  const refused = new Set<string>();
  const server = createServer((inside) => {
    open.add(inside);
    inside.on('close', () => open.delete(inside)).on('error', () => inside.destroy());
    inside.once('data', (first: Buffer) => {
      const end = first.indexOf(10);
      const destination = destinations[Number(first.subarray(0, end).toString('latin1'))];
      if (end < 0 || !destination) return void inside.destroy();
      const { host, port } = destination;
      const outside = connect({ host, port, lookup: judgedLookup(destination, (why) => refused.add(why)) });
      open.add(outside);
      outside.on('close', () => (open.delete(outside), inside.destroy())).on('error', () => inside.destroy());
      inside.on('close', () => outside.destroy());
      if (end + 1 < first.length) outside.write(first.subarray(end + 1));
      inside.pipe(outside).pipe(inside);
    });
  });
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(socketPath, resolve));
  const listeners = destinations.map(({ address, port }) => ({ address, port }));
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '--net', process.execPath, forwarder, socketPath, JSON.stringify(listeners)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  async function close(): Promise<void> {
    child.kill('SIGKILL');
    await ended;
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(socketPath, { force: true });
  }
  try {
    await new Promise<void>((resolve, reject) => {
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.stdout.once('data', () => resolve());
      child.on('error', reject);
      child.on('close', () => reject(new Error(stderr.trim().split('\n').at(-1) ?? '')));
    });
  } catch (error) {
    await close();
    throw new Failure(
      'RUNTIME_FAILED',
      `a private network cannot be made: ${error instanceof Error ? error.message : String(error)}`,
      { hint: 'setpriv and unshare of util-linux and ip of iproute2 are needed, as root', cause: error },
    );
  }
  const names = destinations.filter(({ host, address }) => host !== address && host !== 'localhost');
  return {
    namespacePath: `/proc/${child.pid}/ns/net`,
    hostLines: [...new Set(names.map(({ host, address }) => `${address}\t${host}`))],
    refused,
    close,
  };
}

/** Looks a name up, and gives no address that is too near: metadata services of clouds are for no test. */
function judgedLookup({ isPublic }: Destination, onRefused: (why: string) => void): LookupFunction {
  return (hostname, options, done) =>
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        done(error, []);
        return;
      }
      const allowed = addresses.filter(({ address }) => mayLead(isPublic ? 'public' : 'loopback', reachOf(address)));
      const [first] = allowed;
      if (!first) {
        onRefused(`${hostname} leads to ${addresses.map(({ address }) => address).join(', ')}`);
        done(new Error('too near'), []);
        return;
      }
      if (options.all) done(null, allowed);
      else done(null, first.address, first.family);
    });
}

function toDestination(spec: string, _: number, all: readonly string[]): Omit<Destination, 'isPublic'> {
  const match = /^(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(spec);
  const host = match?.[1]?.replaceAll(/[[\]]/g, '') ?? '';
  const port = Number(match?.[2]);
  if (host === '' || port < 1 || port > 65_535)
    throw new Failure('USAGE', `${JSON.stringify(spec)} is no HOST:PORT that a test could be allowed`, {
      hint: 'write it like registry.example.com:443',
    });
  if (reachOfHost(host) === 'link-local')
    throw new Failure('USAGE', `${spec} is of this link, where clouds keep credentials: no test may reach it`);
  if (host === 'localhost') return { host, port, address: '127.0.0.1' };
  if (isIP(host)) return { host, port, address: host };
  const first = all.findIndex((other) => other.startsWith(`${match?.[1]}:`));
  return { host, port, address: `127.88.0.${first + 1}` };
}
