import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  rmdir,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { boundedText, exec } from '../../core/exec.ts';
import { resolveLink } from '../../formats/tar/path.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { unpackLayer } from '../../store/unpack-layer.ts';
import { resolveUser } from '../resolve-user.ts';
import {
  maxOutputBytes,
  type Availability,
  type Environment,
  type LayerFile,
  type RunRequest,
  type RunResult,
  type Runtime,
  type RuntimeMember,
} from '../runtime.ts';
import { runtimeConfig } from './runtime-config.ts';

interface RuncEnvironment extends Environment {
  /** Layer folders, the lowest first. */
  readonly layers: readonly string[];
  /** Folders that belong to this environment and go with it. */
  readonly owned: readonly string[];
}

/**
 * Mounts the overlay in a mount namespace of its own and starts runc in it: the mount ends with the container, however
 * that ends.
 * $1 upper folder, with its work folder beside it, $2 bundle, $3 lower folders, $4 runc root, $5 container id
 */
const launcher = `
mount -t overlay overlay -o "lowerdir=$3,upperdir=$1,workdir=$1.work" "$2/rootfs"
exec runc --root "$4" run --bundle "$2" "$5"`;

export const runcRuntime: RuntimeMember = {
  name: 'runc',
  summary: 'containers started directly with runc on an overlay of the unpacked layers; needs root',
  async detect(env): Promise<Availability> {
    if (process.platform !== 'linux')
      return { available: false, reason: 'needs Linux', hint: 'use a Linux machine, or a docker engine' };
    if (process.getuid?.() !== 0)
      return {
        available: false,
        reason: 'needs root',
        hint: 'run as root, or start a docker or podman engine you may use',
      };
    const found = await exec('runc', ['--version'], { env: { ...env }, timeoutMs: 10_000 }).catch(() => undefined);
    if (found?.exitCode !== 0)
      return { available: false, reason: 'runc is not installed', hint: 'install it: apt-get install runc' };
    return { available: true, version: /runc version (\S+)/.exec(found.stdout)?.[1] ?? 'unknown' };
  },
  async start(env) {
    const found = await this.detect(env);
    return await startRunc(found.available ? found.version : 'unknown', env);
  },
};

async function startRunc(version: string, env: Readonly<Record<string, string | undefined>>): Promise<Runtime> {
  await sweep();
  const home = await mkdtemp(join(tmpdir(), `${homePrefix}${process.pid}-`));
  const runcRoot = join(home, 'state');
  await writeFile(join(home, 'hosts'), '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tnodeworthy-test\n');
  await writeFile(join(home, 'hostname'), 'nodeworthy-test\n');
  await writeFile(join(home, 'resolv.conf'), '');
  const cgroupParent = `/nodeworthy-${process.pid}`;

  function cast(environment: Environment): RuncEnvironment {
    return environment as RuncEnvironment;
  }

  return {
    name: 'runc',
    version,
    async open(store: LayoutStore, image) {
      const manifest = await readManifest(store, image.manifest);
      const config = await readImageConfig(store, manifest);
      const layers: string[] = [];
      for (const [index, layer] of manifest.layers.entries()) {
        const diffId = config.rootfs.diff_ids[index];
        if (diffId === undefined) throw new Failure('STORE_DAMAGED', `${image.manifest} has more layers than diffIDs`);
        layers.push(await unpackLayer(store, layer, diffId));
      }
      return { config, layers, owned: [] } satisfies RuncEnvironment;
    },
    async addLayer(environment, files) {
      const folder = join(home, `layer-${randomUUID()}`);
      await mkdir(folder, { mode: 0o755 });
      const before = cast(environment);
      for (const file of files) await writeLayerFile({ folder, below: before.layers }, file);
      return {
        ...before,
        layers: [...before.layers, folder],
        owned: [...before.owned, folder],
      } satisfies RuncEnvironment;
    },
    async run(environment, request, signal) {
      const before = cast(environment);
      const id = `nodeworthy-${process.pid}-${randomUUID().slice(0, 8)}`;
      const bundle = join(home, id);
      const upper = request.keepChanges ? join(home, `upper-${randomUUID()}`) : join(bundle, 'upper');
      await mkdir(join(bundle, 'rootfs'), { recursive: true });
      await mkdir(upper, { mode: 0o755 });
      await mkdir(`${upper}.work`);
      const accounts = await readAccounts(before);
      const user = resolveUser(request.user ?? before.config.config?.User ?? '', accounts);
      const config = runtimeConfig({
        image: before.config,
        request,
        rootPath: join(bundle, 'rootfs'),
        filesFolder: home,
        cgroup: `${cgroupParent}/${id}`,
        home: user.home,
        user,
      });
      await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
      const lower = [...before.layers].reverse().join(':');
      let ended = false;
      try {
        const result = await launch({
          args: [upper, bundle, lower, runcRoot, id],
          request,
          signal,
          env,
          kill: (name) => exec('runc', ['--root', runcRoot, 'kill', id, name], { env: { ...env } }),
        });
        ended = !result.timedOut;
        if (!request.keepChanges) return { result, environment };
        return {
          result,
          environment: {
            ...before,
            layers: [...before.layers, upper],
            owned: [...before.owned, upper, `${upper}.work`],
          } satisfies RuncEnvironment,
        };
      } finally {
        // `runc run` cleans up after a container that ended by itself.
        if (!ended)
          await exec('runc', ['--root', runcRoot, 'delete', '--force', id], { env: { ...env } }).catch(() => {});
        await rm(bundle, { recursive: true, force: true });
      }
    },
    async dispose(environment) {
      for (const folder of cast(environment).owned) await rm(folder, { recursive: true, force: true });
    },
    async close() {
      await rm(home, { recursive: true, force: true });
      await removeCgroups(cgroupParent);
    },
  };
}

const homePrefix = 'nodeworthy-runc-';

/** Takes away what runs left that were killed: their folders carry their process number. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${homePrefix}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    for (const id of await readdir(join(folder, 'state')).catch(() => [])) {
      await exec('runc', ['--root', join(folder, 'state'), 'delete', '--force', id]).catch(() => {});
    }
    await rm(folder, { recursive: true, force: true });
    await removeCgroups(`/nodeworthy-${owner}`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

interface Launch {
  readonly args: readonly string[];
  readonly request: RunRequest;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kill: (signal: string) => Promise<unknown>;
}

async function launch({ args, request, signal, env, kill }: Launch): Promise<RunResult> {
  signal.throwIfAborted();
  const started = performance.now();
  // `--pdeathsig` and `--kill-child`: whatever ends us ends the container's starter too.
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--mount',
      '--propagation',
      'private',
      '--fork',
      '--kill-child',
      'sh',
      '-ec',
      launcher,
      'sh',
      ...args,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env },
    },
  );
  const out = boundedText(maxOutputBytes);
  const err = boundedText(maxOutputBytes);
  let seen = '';
  let signalled = request.signalAfter === undefined;
  let timedOut = false;
  child.stdout.on('data', (chunk: Buffer) => {
    out.add(chunk);
    if (signalled) return;
    seen = (seen + chunk.toString('utf8')).slice(-4096);
    if (!seen.includes(request.signalAfter?.text ?? '')) return;
    signalled = true;
    void kill(request.signalAfter?.signal ?? 'SIGTERM');
  });
  child.stderr.on('data', err.add);
  const stop = (): void => void kill('KILL');
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, request.timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (error) =>
        reject(
          new Failure('RUNTIME_FAILED', `a container cannot be started: ${error.message}`, {
            hint: 'setpriv and unshare of util-linux are needed',
            cause: error,
          }),
        ),
      );
      child.on('close', resolve);
    });
    signal.throwIfAborted();
    const stderr = err.text();
    if (exitCode !== 0 && /^(?:mount:|runc run failed|.*level=error msg="runc )/m.test(stderr) && out.text() === '') {
      throw new Failure('RUNTIME_FAILED', `a container could not be started: ${stderr.trim().split('\n').at(-1)}`, {
        hint: 'the message is the runtime’s own; runc needs overlay mounts and cgroups',
      });
    }
    return {
      exitCode,
      stdout: out.text(),
      stderr,
      droppedBytes: out.dropped() + err.dropped(),
      timedOut,
      durationMs: performance.now() - started,
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function readAccounts({ layers }: RuncEnvironment): Promise<string> {
  for (const layer of [...layers].reverse()) {
    const text = await readFile(join(layer, 'etc/passwd'), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return '';
}

interface LayerFolder {
  readonly folder: string;
  readonly below: readonly string[];
}

async function writeLayerFile(layer: LayerFolder, file: LayerFile): Promise<void> {
  const path = join(await makeParents(layer, dirname(file.path)), basename(file.path));
  if (file.kind === 'symlink') {
    await symlink(file.target ?? '', path);
    await lchown(path, file.uid, file.gid);
    return;
  }
  if (file.kind === 'directory') await mkdir(path, { recursive: true });
  else await writeFile(path, file.bytes ?? new Uint8Array());
  await chown(path, file.uid, file.gid);
  await chmod(path, file.mode);
}

/**
 * A folder of an upper layer hides owner and mode of the one below it, and replaces a symlink there: so each parent
 * is made like what the image has, and links are followed inside the image.
 */
async function makeParents({ folder, below }: LayerFolder, path: string): Promise<string> {
  let at = '';
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let hops = 0; parts.length > 0;) {
    const next = join(at, String(parts.shift()));
    const found = await findBelow([...below, folder], next);
    if (found?.stats.isSymbolicLink() && hops++ < 40) {
      parts.unshift(
        ...resolveLink(next, await readlink(found.path))
          .split('/')
          .filter(Boolean),
      );
      at = '';
      continue;
    }
    await mkdir(join(folder, next), { recursive: true });
    if (found) {
      await chown(join(folder, next), found.stats.uid, found.stats.gid);
      await chmod(join(folder, next), found.stats.mode & 0o7777);
    }
    at = next;
  }
  return join(folder, at);
}

async function findBelow(layers: readonly string[], path: string) {
  for (const layer of [...layers].reverse()) {
    const stats = await lstat(join(layer, path)).catch(() => undefined);
    if (stats) return { path: join(layer, path), stats };
  }
  return undefined;
}

/** Empty control groups stay behind otherwise: runc removes its own, not the one above. */
async function removeCgroups(parent: string): Promise<void> {
  const root = '/sys/fs/cgroup';
  for (const controller of ['.', ...(await readdir(root).catch(() => []))])
    await rmdir(join(root, controller, parent)).catch(() => {});
}
