import type { Digest } from '../core/digest.ts';
import type { ImageConfig } from '../formats/oci/descriptor.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';

/** A platform image of the store, by digest. */
export interface RuntimeImage {
  readonly manifest: Digest;
  readonly platform: string;
}

/** A file system to run in: an image, and test layers stacked on it. Made and thrown away by the runtime. */
export interface Environment {
  readonly config: ImageConfig;
}

export interface LayerFile {
  /** Path in the image, without a leading slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes?: Uint8Array;
  readonly target?: string;
}

/** A folder or file of this machine that a container sees. */
export interface Bind {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/**
 * `none`: nothing, and no way to more. `default`: the fourteen that engines give to containers and builds. A list adds
 * to the default, like `NET_ADMIN`. `all`: a privileged container, as far as a namespace of its own allows.
 */
export type Capabilities = 'none' | 'default' | 'all' | readonly string[];

export type SignalName = 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' | 'SIGQUIT' | 'SIGABRT';

export interface RunRequest {
  /** Replaces entrypoint and command; without it the image's own are used. */
  readonly args?: readonly string[];
  /** Replaces the command only: the image's entrypoint gets it. */
  readonly command?: readonly string[];
  /** Variables set over those of the image. */
  readonly env?: Readonly<Record<string, string>>;
  /** `UID[:GID]`; without it the image's own. */
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly readOnly?: boolean;
  /** Folders that get a fresh tmpfs, for read-only runs. */
  readonly tmpfs?: readonly string[];
  readonly binds?: readonly Bind[];
  /** `none` unless it is asked for. */
  readonly capabilities?: Capabilities;
  /** {@link defaultMemoryBytes} without it, which the container is not told of. */
  readonly memoryBytes?: number;
  /** Processors it may use, like 0.5. */
  readonly cpus?: number;
  readonly pidsLimit?: number;
  /** What it may write; {@link defaultDiskBytes} without it. */
  readonly diskBytes?: number;
  /** A pseudo-terminal instead of pipes: stdout and stderr are one. */
  readonly terminal?: boolean;
  /** Bytes for stdin, which then ends; `open` keeps it open for `write`. Without it stdin is empty. */
  readonly input?: Uint8Array | 'open';
  /** `HOST:PORT` that it may connect to, by that name; without it there is only the loopback interface. */
  readonly hosts?: readonly string[];
  /** The same, where it is no machine near this one: whoever names it may not know what is there. */
  readonly publicHosts?: readonly string[];
  readonly timeoutMs: number;
  /** A signal sent to the first process once a text has appeared on stdout. */
  readonly signalAfter?: { readonly text: string; readonly signal: SignalName };
  /** Keep what the run changed as a layer of the environment; what that holds, `describeLayer` tells. */
  readonly keepChanges?: boolean;
}

/** What a run or an instruction changed in the file system: a layer, described. */
export interface LayerChanges {
  /** Digest of the layer as a tar archive; undefined where an engine does not say. */
  readonly diffId?: Digest;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** The first of them, like `A /app/x`, `C /etc`, `D /tmp/y`. */
  readonly paths: readonly string[];
}

export interface ResourceUse {
  readonly memoryPeakBytes?: number;
  readonly cpuMs?: number;
}

export interface RunResult {
  /** 128 + signal when a signal ended the process; null when the runtime could not tell. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly droppedBytes: number;
  readonly timedOut: boolean;
  /** Why the tool ended it before its time: it wrote more than it may. */
  readonly stopped?: string;
  readonly durationMs: number;
  /** What it changed, unless that was kept. */
  readonly changes?: LayerChanges;
  readonly resources?: ResourceUse;
}

/** A container between its start and its end. */
export interface RunningContainer {
  /** Number of its first process on this machine. */
  pid(): Promise<number>;
  /** What it printed so far. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** Called after each piece of output, and once at the end. */
  onOutput(listener: () => void): void;
  signal(name: SignalName): Promise<void>;
  write(bytes: Uint8Array): void;
  readonly finished: Promise<{ readonly result: RunResult; readonly environment: Environment }>;
}

export type Availability =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly reason: string; readonly hint: string };

/** A program that changes a folder which is its root, as an installation does. */
export interface FolderRequest {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly platform: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Runs a program as root of a folder: capabilities for files and users, no network. */
export interface Sandbox {
  runInFolder(folder: string, request: FolderRequest): Promise<RunResult>;
}

/** A way to run containers. Environments are isolated from each other and have no network. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  open(store: LayoutStore, image: RuntimeImage): Promise<Environment>;
  /** The environment with one more layer; the given one stays as it was. */
  addLayer(environment: Environment, files: readonly LayerFile[]): Promise<Environment>;
  /** Starts a container and answers at once: what it does is then watched and steered. */
  start(environment: Environment, request: RunRequest, signal: AbortSignal): Promise<RunningContainer>;
  /** Starts a container and waits for its end. */
  run(
    environment: Environment,
    request: RunRequest,
    signal: AbortSignal,
  ): Promise<{ readonly result: RunResult; readonly environment: Environment }>;
  /** What the newest layer of an environment holds: one that was added, or that a run left with `keepChanges`. */
  describeLayer(environment: Environment): Promise<LayerChanges>;
  /** A file as a container would read it; undefined when there is none. */
  readFile(environment: Environment, path: string): Promise<Buffer | undefined>;
  isFolder(environment: Environment, path: string): Promise<boolean>;
  /** Layers in a folder, so that they can be had again. Undefined for engines, which keep layers their own way. */
  readonly layers?: LayerKeeping;
  /** Undefined for engines on another machine, which do not see our folders. */
  readonly sandbox?: Sandbox;
  /** A shell or another program on the user's own terminal; undefined where that cannot be. */
  readonly attach?: (environment: Environment, request: Omit<RunRequest, 'timeoutMs'>) => Promise<number>;
  /** Whether programs of the platform run here, by themselves or by an emulator. */
  canRun(platform: string): Promise<boolean>;
  /** Takes away whatever belongs to the environment. */
  dispose(environment: Environment): Promise<void>;
  /** Takes away whatever belongs to all of them. */
  close(): Promise<void>;
}

export interface LayerKeeping {
  /** Moves the newest layer of an environment to a folder that stays; the environment goes on with it. */
  keep(environment: Environment, folder: string): Promise<Environment>;
  /** The environment with a layer that was kept. */
  restore(environment: Environment, folder: string): Environment;
}

export interface RuntimeMember {
  readonly name: string;
  readonly summary: string;
  detect(env: Readonly<Record<string, string | undefined>>): Promise<Availability>;
  /** @param version as `detect` found it */
  start(env: Readonly<Record<string, string | undefined>>, version: string): Promise<Runtime>;
}

/** Output kept of each stream of a run. */
export const maxOutputBytes = 256 << 10;
/** Paths named of what a layer changed; the rest is counted. */
export const maxChangedPaths = 100;
/** What a run may write unless it asks for more. */
/** What a container may have in memory when nobody says how much. */
export const defaultMemoryBytes = 4 * 2 ** 30;
export const defaultDiskBytes = 2 * 2 ** 30;

/** What engines give (moby, "Default capabilities"). */
export const defaultCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
] as const;

/** `PATH` where an image says nothing, as engines set it. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
