import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import type { Emulator } from '../emulation.ts';
import {
  defaultCapabilities,
  defaultMemoryBytes,
  defaultPath,
  type Capabilities,
  type RunRequest,
} from '../runtime.ts';
import { seccompProfile } from './seccomp.ts';

export interface RuntimeConfigInput {
  /** Undefined for a folder, which says nothing about how to run it. */
  readonly image: Pick<ImageConfig, 'config'> | undefined;
  readonly request: RunRequest;
  readonly rootPath: string;
  /** Folder with hosts, hostname and resolv.conf to show; without it, the root's own are left as they are. */
  readonly filesFolder?: string;
  readonly capabilities: readonly string[];
  /** Network namespace to join; without it the container has its own, empty one. */
  readonly networkPath?: string;
  readonly emulator: Emulator | undefined;
  readonly cgroup: string;
  /** Home folder of the user, from the image's passwd. */
  readonly home: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids?: readonly number[] };
}

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Capabilities that the kernel knows (capabilities(7)), for a privileged container. */
const allCapabilities = [
  ...defaultCapabilities,
  ...['AUDIT_CONTROL', 'AUDIT_READ', 'BLOCK_SUSPEND', 'BPF', 'CHECKPOINT_RESTORE', 'DAC_READ_SEARCH', 'IPC_LOCK'],
  ...['IPC_OWNER', 'LEASE', 'LINUX_IMMUTABLE', 'MAC_ADMIN', 'MAC_OVERRIDE', 'NET_ADMIN', 'NET_BROADCAST', 'PERFMON'],
  ...['SYSLOG', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_MODULE', 'SYS_NICE', 'SYS_PACCT', 'SYS_PTRACE', 'SYS_RAWIO'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'WAKE_ALARM'],
];

/** The names that runc wants. */
export function capabilityNames(wanted: Capabilities = 'none'): string[] {
  const names =
    wanted === 'none'
      ? []
      : wanted === 'default'
        ? defaultCapabilities
        : wanted === 'all'
          ? allCapabilities
          : [...defaultCapabilities, ...wanted];
  return [...new Set(names.map((name) => `CAP_${name.replace(/^CAP_/i, '').toUpperCase()}`))];
}

/**
 * `config.json` of a container (OCI runtime spec 1.0): no capability, no new privileges, no network, its own
 * namespaces, users included, limits as asked or as they are by default. What is not asked for is as closed as can be.
 */
export function runtimeConfig(input: RuntimeConfigInput): unknown {
  const { image, request, user, emulator } = input;
  const capabilities = [...input.capabilities];
  const config = image?.config ?? {};
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: request.terminal ?? false,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids ?? [] },
      args: request.args ?? [...(config.Entrypoint ?? []), ...(request.command ?? config.Cmd ?? [])],
      env: environment(input),
      cwd: request.workingDirectory ?? (config.WorkingDir || '/'),
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        inheritable: [],
        permitted: capabilities,
        ambient: [],
      },
      // Whoever asks for capabilities by name may want what a set-id program gives.
      noNewPrivileges: ['none', 'default'].includes(String(request.capabilities ?? 'none')),
    },
    root: { path: input.rootPath, readonly: request.readOnly ?? false },
    hostname: 'nodeworthy-test',
    mounts: mounts(input),
    ...(emulator ? { hooks: { createContainer: [registrationHook(emulator, input.rootPath)] } } : {}),
    linux: {
      uidMappings: [wholeRange],
      gidMappings: [wholeRange],
      cgroupsPath: input.cgroup,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        pids: { limit: request.pidsLimit ?? 512 },
        ...(request.cpus === undefined ? {} : { cpu: { quota: Math.round(request.cpus * 100_000), period: 100_000 } }),
        memory: {
          limit: request.memoryBytes ?? defaultMemoryBytes,
          swap: request.memoryBytes ?? defaultMemoryBytes,
        },
      },
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount', 'user'].map((type) => ({ type })),
        { type: 'network', ...(input.networkPath === undefined ? {} : { path: input.networkPath }) },
      ],
      // For a privileged container as well: root in it is root to settings of the kernel, which ask for the user and
      // not for a capability, and only these keep it from them.
      maskedPaths,
      readonlyPaths,
      seccomp: seccompProfile,
    },
  };
}

/**
 * Users keep their numbers, so that files of layers are whose they are; what a capability is good for ends with the
 * container's own namespaces all the same (user_namespaces(7)).
 */
const wholeRange = { containerID: 0, hostID: 0, size: 4_294_967_295 } as const;

/**
 * Registers the emulator in the container's own user namespace (Linux 6.7: each has its own binfmt_misc): nothing is
 * left on the machine, and programs that start others work as well. `F`: the kernel opens the emulator now, so that it
 * need not be in the image.
 */
function registrationHook(emulator: Emulator, rootPath: string) {
  const place = `${rootPath}/proc/sys/fs/binfmt_misc`;
  return {
    path: '/bin/sh',
    args: [
      'sh',
      '-ec',
      'mount -t binfmt_misc binfmt_misc "$1"; printf %s "$2" > "$1/register"',
      'sh',
      place,
      `:nodeworthy:M::${emulator.magic}:${emulator.mask}:${emulator.path}:F`,
    ],
    env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
    timeout: 10,
  };
}

/** Later settings win, and each variable is there once. */
function environment({ image, request, home }: RuntimeConfigInput): string[] {
  const merged = new Map<string, string>([
    ['HOME', home],
    ['HOSTNAME', 'nodeworthy-test'],
    ['PATH', defaultPath],
    ...(request.terminal ? [['TERM', 'xterm'] as const] : []),
  ]);
  for (const line of image?.config?.Env ?? [])
    merged.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
  for (const [name, value] of Object.entries(request.env ?? {})) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

function mounts({ request, filesFolder, networkPath }: RuntimeConfigInput) {
  const closed = ['nosuid', 'noexec', 'nodev'];
  const files = (filesFolder === undefined ? [] : ['hosts', 'hostname', 'resolv.conf']).map((name) => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: `${filesFolder}/${name}`,
    options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
  }));
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: closed },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...closed, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: closed },
    // Only who owns a network can mount what the kernel says of it; the one with named hosts is the machine's. An empty
    // folder stands there then: a bind would bring what is mounted below it along.
    networkPath === undefined
      ? { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...closed, 'ro'] }
      : { destination: '/sys', type: 'tmpfs', source: 'tmpfs', options: [...closed, 'mode=555', 'size=64k'] },
    ...(request.memoryBytes === undefined
      ? []
      : [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...closed, 'relatime', 'ro'] }]),
    ...files,
    ...(request.binds ?? []).map(({ source, target, readOnly }) => ({
      destination: target,
      type: 'bind',
      source,
      options: ['rbind', readOnly ? 'ro' : 'rw', 'nosuid', 'nodev'],
    })),
    ...(request.tmpfs ?? []).map((destination) => ({
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=1777', 'size=262144k'],
    })),
  ];
}
