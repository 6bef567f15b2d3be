import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeTopOfHierarchies, removeTree } from '../../core/files.ts';
import { Failure, systemCode } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { unpackImage } from '../../trees/unpack-image.ts';
import { waitForEnd } from '../container-output.ts';
import { resolveUser } from '../resolve-user.ts';
import {
  defaultDiskBytes,
  type Availability,
  type Environment,
  type RunRequest,
  type RunResult,
  type Runtime,
  type RuntimeMember,
} from '../runtime.ts';
import { homePrefix, sweep } from './clean-up.ts';
import { readUse, removeGroups } from './control-group.ts';
import { watchDisk } from './disk-watch.ts';
import { findInLayers } from './find-in-layers.ts';
import { findEmulator, isNative, type Emulator } from '../emulation.ts';
import { launch, launchCommand, type ContainerRoot } from './launch.ts';
import { writeLayerFiles } from './layer-folder.ts';
import { openPrivateNetwork, type PrivateNetwork } from './private-network.ts';
import { capabilityNames, runtimeConfig } from './runtime-config.ts';
import { describeUpper } from './upper-changes.ts';

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
  start: (env, version) => startRunc(version, env),
};

/** What installing packages needs of root: owners, modes and users of files; nothing of the machine. */
const installationCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

const hostsText = '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tnodeworthy-test\n';

async function startRunc(version: string, env: Readonly<Record<string, string | undefined>>): Promise<Runtime> {
  await sweep();
  const home = await mkdtemp(join(tmpdir(), `${homePrefix}${process.pid}-`));
  await makeTopOfHierarchies(home);
  const runcRoot = join(home, 'state');
  await writeFile(join(home, 'hosts'), hostsText);
  await writeFile(join(home, 'hostname'), 'nodeworthy-test\n');
  await writeFile(join(home, 'resolv.conf'), '');
  const cgroupParent = `/nodeworthy-${process.pid}`;
  const cast = (environment: Environment): RuncEnvironment => environment as RuncEnvironment;

  async function emulatorFor(platform: string): Promise<Emulator | undefined> {
    if (isNative(platform)) return undefined;
    const emulator = await findEmulator(platform, env);
    if (emulator) return emulator;
    throw new Failure('EMULATOR_MISSING', `programs of ${platform} do not run on this machine`, {
      hint: 'install an emulator: apt-get install qemu-user-static',
    });
  }

  function begin(options: Pick<Parameters<typeof launch>[0], 'id' | 'bundle' | 'root' | 'request' | 'signal'>) {
    return launch({
      ...options,
      runcRoot,
      env,
      kill: (name) => exec('runc', ['--root', runcRoot, 'kill', options.id, name], { env: { ...env } }).catch(() => {}),
    });
  }

  /** `runc run` cleans up after a container that ended by itself. */
  async function finish(id: string, bundle: string, endedByItself: boolean): Promise<void> {
    if (!endedByItself)
      await exec('runc', ['--root', runcRoot, 'delete', '--force', id], { env: { ...env } }).catch(() => {});
    await removeTree(bundle);
    await removeGroups(`${cgroupParent}/${id}`);
  }

  /** Everything that a container of an image needs, in a folder. */
  async function prepare(before: RuncEnvironment, request: Omit<RunRequest, 'timeoutMs'>) {
    const id = `nodeworthy-${process.pid}-${randomUUID().slice(0, 8)}`;
    const bundle = join(home, id);
    const upper = request.keepChanges ? join(home, `upper-${randomUUID()}`) : join(bundle, 'upper');
    await mkdir(join(bundle, 'rootfs'), { recursive: true });
    await mkdir(upper, { mode: 0o755 });
    await mkdir(`${upper}.work`);
    await mkdir(join(bundle, 'lower'));
    for (const [index, layer] of before.layers.entries()) await symlink(layer, join(bundle, 'lower', String(index)));
    const user = resolveUser(request.user ?? before.config.config?.User ?? '', {
      passwd: await readAccounts(before, 'passwd'),
      group: await readAccounts(before, 'group'),
    });
    const { hosts = [], publicHosts = [] } = request;
    const isOpen = hosts.length + publicHosts.length > 0;
    const network = isOpen ? await openPrivateNetwork({ hosts, publicHosts }, bundle) : undefined;
    try {
      return await write();
    } catch (error) {
      await network?.close();
      throw error;
    }

    async function write() {
      const filesFolder = network ? await writeHosts(home, bundle, network) : home;
      const config = runtimeConfig({
        image: before.config,
        request: { ...request, timeoutMs: 0 },
        rootPath: join(bundle, 'rootfs'),
        filesFolder,
        ...(network ? { networkPath: network.namespacePath } : {}),
        cgroup: `${cgroupParent}/${id}/container`,
        home: user.home,
        user,
        capabilities: capabilityNames(request.capabilities),
        emulator: before.emulator,
      });
      await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
      const root: ContainerRoot = { kind: 'overlay', lower: before.layers, upper };
      return { id, bundle, upper, root, network };
    }
  }

  const start: Runtime['start'] = async (environment, request, signal) => {
    const before = cast(environment);
    const { id, bundle, upper, root, network } = await prepare(before, request);
    const launched = await startOrClear();
    async function startOrClear() {
      try {
        return begin({ id, bundle, root, request, signal });
      } catch (error) {
        await network?.close();
        await finish(id, bundle, false);
        throw error;
      }
    }
    const limit = request.diskBytes ?? defaultDiskBytes;
    const written = (request.binds ?? []).flatMap(({ source, readOnly }) => (readOnly ? [] : [source]));
    const disk = watchDisk({ upper, binds: written }, limit, () =>
      launched.stop(`wrote more than ${Math.round(limit / 1e6)} MB`),
    );
    async function conclude() {
      let endedByItself = false;
      try {
        const result = await launched.ended;
        endedByItself = !result.timedOut && result.stopped === undefined;
        disk.stop();
        const complete: RunResult = {
          ...result,
          stderr: result.stderr + refusals(network),
          ...(request.keepChanges ? {} : { changes: await describeUpper(upper, before.layers) }),
          resources: await readUse(`${cgroupParent}/${id}`),
        };
        if (!request.keepChanges) return { result: complete, environment };
        const after: RuncEnvironment = {
          ...before,
          layers: [...before.layers, upper],
          owned: [...before.owned, upper, `${upper}.work`],
        };
        return { result: complete, environment: after };
      } finally {
        disk.stop();
        await network?.close();
        await finish(id, bundle, endedByItself);
      }
    }
    const finished = conclude();
    // Whoever steers the container waits for its end later.
    finished.catch(() => {});
    const { ended: _, stop: __, ...container } = launched;
    return { ...container, finished };
  };

  return {
    name: 'runc',
    version,
    async open(store: LayoutStore, image) {
      const manifest = await readManifest(store, image.manifest);
      const config = await readImageConfig(store, manifest);
      const layers = await unpackImage(store, { digest: image.manifest, manifest, config });
      const emulator = await emulatorFor(image.platform);
      return { config, emulator, layers, owned: [] } satisfies RuncEnvironment;
    },
    async addLayer(environment, files) {
      const folder = join(home, `layer-${randomUUID()}`);
      await mkdir(folder, { mode: 0o755 });
      const before = cast(environment);
      await writeLayerFiles({ folder, below: before.layers }, files);
      return {
        ...before,
        layers: [...before.layers, folder],
        owned: [...before.owned, folder],
      } satisfies RuncEnvironment;
    },
    start,
    run: async (environment, request, signal) => await waitForEnd(await start(environment, request, signal), request),
    describeLayer(environment) {
      const { layers } = cast(environment);
      return describeUpper(layers.at(-1) ?? '', layers.slice(0, -1));
    },
    async readFile(environment, path) {
      const found = await findInLayers(cast(environment).layers, path);
      return found?.stats.isFile() ? await readFile(found.path) : undefined;
    },
    isFolder: async (environment, path) =>
      (await findInLayers(cast(environment).layers, path))?.stats.isDirectory() ?? false,
    layers: {
      async keep(environment, folder) {
        const { layers, ...before } = cast(environment);
        const newest = layers.at(-1) ?? '';
        await mkdir(dirname(folder), { recursive: true });
        await move(newest, folder);
        return {
          ...before,
          layers: [...layers.slice(0, -1), folder],
          owned: before.owned.filter((path) => path !== newest),
        } satisfies RuncEnvironment;
      },
      restore(environment, folder) {
        const before = cast(environment);
        return { ...before, layers: [...before.layers, folder] } satisfies RuncEnvironment;
      },
    },
    async attach(environment, request) {
      const before = cast(environment);
      const { id, bundle, root, network } = await prepare(before, request);
      try {
        // The user's own terminal: runc itself passes it on, no `script` in between.
        const launchRequest = { timeoutMs: 0 };
        const [program = '', ...args] = launchCommand({ root, bundle, runcRoot, id, request: launchRequest });
        const child = spawn(program, args, { stdio: 'inherit', env: { ...env } });
        return await new Promise<number>((resolve, reject) =>
          child.on('error', reject).on('close', (code) => resolve(code ?? 1)),
        );
      } finally {
        await network?.close();
        await finish(id, bundle, false);
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
          cgroup: `${cgroupParent}/${id}/container`,
          home: '/root',
          user: { uid: 0, gid: 0 },
          capabilities: installationCapabilities.map((name) => `CAP_${name}`),
          emulator: await emulatorFor(request.platform),
        });
        await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
        let endedByItself = false;
        try {
          const signal = request.signal ?? new AbortController().signal;
          const result = await begin({ id, bundle, root: { kind: 'folder', folder }, request, signal }).ended;
          endedByItself = !result.timedOut;
          return result;
        } finally {
          await finish(id, bundle, endedByItself);
        }
      },
    },
    async dispose(environment) {
      for (const folder of cast(environment).owned) await removeTree(folder);
    },
    async close() {
      await removeTree(home);
      await removeGroups(cgroupParent);
    },
  };
}

/** A test sees a connection that ends, and whoever reads of it why. */
function refusals(network: PrivateNetwork | undefined): string {
  const hint = 'which is near this machine: name it under tests[].hosts in the recipe, when a test may reach it';
  return [...(network?.refused ?? [])].map((why) => `\nnodeworthy: ${why}, ${hint}\n`).join('');
}

async function writeHosts(home: string, bundle: string, network: PrivateNetwork): Promise<string> {
  await writeFile(join(bundle, 'hosts'), `${hostsText}${network.hostLines.join('\n')}\n`);
  for (const name of ['hostname', 'resolv.conf']) await copyFile(join(home, name), join(bundle, name));
  return bundle;
}

/** The store may lie on another file system than the folder of the run. */
async function move(from: string, to: string): Promise<void> {
  const temporary = `${to}.${randomUUID()}.tmp`;
  await removeTree(temporary);
  try {
    await rename(from, temporary);
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error;
    const copied = await exec('cp', ['--archive', '--', from, temporary]);
    if (copied.exitCode !== 0)
      throw new Failure('FILE_UNUSABLE', `a test layer cannot be kept in ${to}: ${copied.stderr.trim()}`, {
        hint: 'check the folder of the store and its free space',
      });
    await removeTree(from);
  }
  await removeTree(to);
  await rename(temporary, to);
}

async function readAccounts({ layers }: RuncEnvironment, name: 'passwd' | 'group'): Promise<string> {
  const found = await findInLayers(layers, `etc/${name}`);
  return found?.stats.isFile() ? await readFile(found.path, 'utf8') : '';
}
