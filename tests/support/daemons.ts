import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../../src/core/exec.ts';

export interface Daemon {
  readonly address: string;
  readonly folder: string;
  stop(): Promise<void>;
  /** Ends it at once, with everything it started, as a power cut would. */
  kill(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Debian's docker-registry on the loopback interface, with a folder of its own. */
export async function startRegistry(): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-registry-'));
  const port = await freePort();
  const config = `version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\nstorage: { filesystem: { rootdirectory: ${folder}/data }, delete: { enabled: true } }\nhttp: { addr: "127.0.0.1:${port}" }\n`;
  await writeFile(join(folder, 'config.yml'), config);
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
    cwd: folder,
  });
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok, 'docker-registry');
  return { address: `localhost:${port}`, folder, stop: () => stop(child, folder), kill: () => kill(child, folder) };
}

/** Debian's docker daemon, started by hand: its own data, no bridge, no firewall rules. */
export async function startDocker(): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-docker-'));
  const socket = join(folder, 'docker.sock');
  const args = [
    '--data-root',
    join(folder, 'data'),
    '--exec-root',
    join(folder, 'exec'),
    '--pidfile',
    join(folder, 'docker.pid'),
    '--host',
    `unix://${socket}`,
  ];
  const child = spawn(
    'dockerd',
    [...args, '--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
    { stdio: 'ignore', cwd: folder },
  );
  const address = `unix://${socket}`;
  await waitFor(
    async () =>
      (await exec('/usr/bin/docker', ['version'], { env: { ...process.env, DOCKER_HOST: address } })).exitCode === 0,
    'dockerd',
  );
  return { address, folder, stop: () => stop(child, folder), kill: () => kill(child, folder) };
}

/** Podman's service, with storage of its own, and limits that this machine's containers may have. */
export async function startPodman(): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-podman-'));
  const socket = join(folder, 'podman.sock');
  const limits = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n';
  await writeFile(join(folder, 'containers.conf'), `${limits}[engine]\nevents_logger = "file"\nruntime = "runc"\n`);
  const storage = podmanStorage(folder).map((word) => (word === 'none' ? 'file' : word));
  const child = spawn('podman', [...storage, 'system', 'service', '--time', '0', `unix://${socket}`], {
    stdio: 'ignore',
    env: { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') },
    // What watches a container for it notes there that it ran out of memory.
    cwd: folder,
  });
  const ask = ['--silent', '--fail', '--unix-socket', socket, 'http://podman/_ping'];
  await waitFor(async () => (await exec('curl', ask)).exitCode === 0, 'podman');
  return { address: `unix://${socket}`, folder, stop: () => stop(child, folder), kill: () => kill(child, folder) };
}

/** Options that keep podman's storage in a folder of one's own. */
export function podmanStorage(folder: string): string[] {
  return [
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'run'),
    '--cgroup-manager',
    'cgroupfs',
    '--events-backend',
    'none',
    '--runtime',
    'runc',
  ];
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  await end(child);
  await exec('sh', ['-c', 'grep -o " $0/[^ ]*" /proc/mounts | sort -r | xargs -r umount', folder]);
  await rm(folder, { recursive: true, force: true });
}

/** Daemons start others, which know the same folder. */
async function kill(child: ChildProcess, folder: string): Promise<void> {
  child.kill('SIGKILL');
  await exec('pkill', ['--signal', 'KILL', '--full', folder]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([gone, sleep(15_000)]);
  child.kill('SIGKILL');
}

async function waitFor(isReady: () => Promise<boolean>, name: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await isReady().catch(() => false)) return;
    await sleep(100);
  }
  throw new Error(`${name} did not start within 30 s`);
}
