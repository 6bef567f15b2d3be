import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import type { RunRequest } from '../runtime.ts';
import { seccompProfile } from './seccomp.ts';

export interface RuntimeConfigInput {
  readonly image: ImageConfig;
  readonly request: RunRequest;
  readonly rootPath: string;
  readonly filesFolder: string;
  readonly cgroup: string;
  /** Home folder of the user, from the image's passwd. */
  readonly home: string;
  readonly user: { readonly uid: number; readonly gid: number };
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

/**
 * `config.json` of a container (OCI runtime spec 1.0): no capability, no new privileges, no network, its own
 * namespaces, limits as asked. What is not asked for is as closed as can be.
 */
export function runtimeConfig(input: RuntimeConfigInput): unknown {
  const { image, request, user } = input;
  const config = image.config ?? {};
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user,
      args: request.args ?? [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
      env: environment(input),
      cwd: request.workingDirectory ?? (config.WorkingDir || '/'),
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      noNewPrivileges: true,
    },
    root: { path: input.rootPath, readonly: request.readOnly ?? false },
    hostname: 'nodeworthy-test',
    mounts: mounts(input),
    linux: {
      cgroupsPath: input.cgroup,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        pids: { limit: request.pidsLimit ?? 512 },
        ...(request.memoryBytes === undefined
          ? {}
          : { memory: { limit: request.memoryBytes, swap: request.memoryBytes } }),
      },
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths,
      readonlyPaths,
      seccomp: seccompProfile,
    },
  };
}

/** Later settings win, and each variable is there once. */
function environment({ image, request, home }: RuntimeConfigInput): string[] {
  const merged = new Map<string, string>([
    ['HOME', home],
    ['HOSTNAME', 'nodeworthy-test'],
  ]);
  for (const line of image.config?.Env ?? [])
    merged.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
  for (const [name, value] of Object.entries(request.env ?? {})) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

function mounts({ request, filesFolder }: RuntimeConfigInput) {
  const closed = ['nosuid', 'noexec', 'nodev'];
  const files = ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
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
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...closed, 'ro'] },
    ...(request.memoryBytes === undefined
      ? []
      : [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...closed, 'relatime', 'ro'] }]),
    ...files,
    ...(request.tmpfs ?? []).map((destination) => ({
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=1777', 'size=262144k'],
    })),
  ];
}
