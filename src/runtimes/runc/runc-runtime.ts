import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { boundedText, exec } from '../../core/exec.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { unpackLayer } from '../../store/unpack-layer.ts';
import { resolveUser } from '../resolve-user.ts';
import {
  maxOutputBytes,
  type Availability,
  type Environment,
  type RunRequest,
  type RunResult,
  type Runtime,
  type RuntimeMember,
} from '../runtime.ts';
import { homePrefix, removeCgroups, sweep } from './clean-up.ts';
import { writeLayerFile } from './layer-folder.ts';
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
