import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { unpackImage } from '../../trees/unpack-image.ts';
import { resolveUser } from '../resolve-user.ts';
import type { Availability, Environment, RunResult, Runtime, RuntimeMember } from '../runtime.ts';
import { homePrefix, removeCgroups, sweep } from './clean-up.ts';
import { findEmulator, isNative, type Emulator } from '../emulation.ts';
import { launch } from './launch.ts';
import { writeLayerFile } from './layer-folder.ts';
import { runtimeConfig } from './runtime-config.ts';

interface RuncEnvironment extends Environment {
  /** What runs its programs when this machine cannot. */
  readonly emulator: Emulator | undefined;
  /** Layer folders, the lowest first. */
  readonly layers: readonly string[];
  /** Folders that belong to this environment and go with it. */
  readonly owned: readonly string[];
}

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

/** What installing packages needs of root: owners, modes and users of files; nothing of the machine. */
const installationCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
] as const;

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

  async function emulatorFor(platform: string): Promise<Emulator | undefined> {
    if (isNative(platform)) return undefined;
    const emulator = await findEmulator(platform, env);
    if (emulator) return emulator;
    throw new Failure('EMULATOR_MISSING', `programs of ${platform} do not run on this machine`, {
      hint: 'install an emulator: apt-get install qemu-user-static',
    });
  }

  function start(
    options: Pick<Parameters<typeof launch>[0], 'id' | 'bundle' | 'root' | 'request' | 'signal'>,
  ): Promise<RunResult> {
    return launch({
      ...options,
      runcRoot,
      env,
      kill: (name) => exec('runc', ['--root', runcRoot, 'kill', options.id, name], { env: { ...env } }),
    });
  }

  /** `runc run` cleans up after a container that ended by itself. */
  async function finish(id: string, bundle: string, ended: boolean): Promise<void> {
    if (!ended) await exec('runc', ['--root', runcRoot, 'delete', '--force', id], { env: { ...env } }).catch(() => {});
    await rm(bundle, { recursive: true, force: true });
  }

  return {
    name: 'runc',
    version,
    async open(store: LayoutStore, image) {
      const manifest = await readManifest(store, image.manifest);
      const config = await readImageConfig(store, manifest);
      const layers = await unpackImage(store, { digest: image.manifest, manifest, config });
      return { config, emulator: await emulatorFor(image.platform), layers, owned: [] } satisfies RuncEnvironment;
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
        capabilities: [],
        emulator: before.emulator,
      });
      await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
      let ended = false;
      try {
        const result = await start({
          id,
          bundle,
          root: { kind: 'overlay', lower: before.layers, upper },
          request,
          signal,
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
        await finish(id, bundle, ended);
      }
    },
    canRun: async (platform) => isNative(platform) || (await findEmulator(platform, env)) !== undefined,
    sandbox: {
      async runInFolder(folder, request) {
        const id = `nodeworthy-${process.pid}-${randomUUID().slice(0, 8)}`;
        const bundle = join(home, id);
        await mkdir(join(bundle, 'rootfs'), { recursive: true });
        const config = runtimeConfig({
          image: undefined,
          request,
          rootPath: join(bundle, 'rootfs'),
          cgroup: `${cgroupParent}/${id}`,
          home: '/root',
          user: { uid: 0, gid: 0 },
          capabilities: installationCapabilities,
          emulator: await emulatorFor(request.platform),
        });
        await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
        let ended = false;
        try {
          const signal = request.signal ?? new AbortController().signal;
          const result = await start({ id, bundle, root: { kind: 'folder', folder }, request, signal });
          ended = !result.timedOut;
          return result;
        } finally {
          await finish(id, bundle, ended);
        }
      },
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

async function readAccounts({ layers }: RuncEnvironment): Promise<string> {
  for (const layer of [...layers].reverse()) {
    const text = await readFile(join(layer, 'etc/passwd'), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return '';
}
