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
  readonly memoryBytes?: number;
  readonly pidsLimit?: number;
  readonly timeoutMs: number;
  /** A signal sent to the first process once a text has appeared on stdout. */
  readonly signalAfter?: { readonly text: string; readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' };
  /** Keep what the run changed as a layer of the environment. */
  readonly keepChanges?: boolean;
}

export interface RunResult {
  /** 128 + signal when a signal ended the process; null when the runtime could not tell. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly droppedBytes: number;
  readonly timedOut: boolean;
  readonly durationMs: number;
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
  run(
    environment: Environment,
    request: RunRequest,
    signal: AbortSignal,
  ): Promise<{ readonly result: RunResult; readonly environment: Environment }>;
  /** Undefined for engines on another machine, which do not see our folders. */
  readonly sandbox?: Sandbox;
  /** Whether programs of the platform run here, by themselves or by an emulator. */
  canRun(platform: string): Promise<boolean>;
  /** Takes away whatever belongs to the environment. */
  dispose(environment: Environment): Promise<void>;
  /** Takes away whatever belongs to all of them. */
  close(): Promise<void>;
}

export interface RuntimeMember {
  readonly name: string;
  readonly summary: string;
  detect(env: Readonly<Record<string, string | undefined>>): Promise<Availability>;
  start(env: Readonly<Record<string, string | undefined>>): Promise<Runtime>;
}

/** Output kept of each stream of a run. */
export const maxOutputBytes = 256 << 10;
