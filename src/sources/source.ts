import type { DownloadPorts, DownloadRequest } from '../core/download.ts';
import type { Context } from '../core/context.ts';
import type { HttpClient } from '../core/http.ts';
import type { DebInput, NodeInput } from './input.ts';

/** What a source may use of the outside. `keep` downloads into the store, proves and keeps for ever. */
export interface SourcePorts {
  readonly context: Context;
  readonly openHttp: (options?: {
    caFile?: string;
    httpProxy?: string;
    httpsProxy?: string;
    noProxy?: string;
  }) => HttpClient;
  readonly keep: (
    request: DownloadRequest,
    http: HttpClient,
  ) => Promise<{ digest: NodeInput['digest']; size: number; sha512: string }>;
  /** A scratch download that is read once and not kept. */
  readonly downloads: Pick<DownloadPorts, 'folder' | 'retry'>;
  /** Folder that relative paths of the recipe start from. */
  readonly recipeFolder: string;
}

/** A place that has Node.js binaries. */
export interface NodeSource {
  /** For messages: which source, at which host. */
  readonly label: string;
  listVersions(platform: string): Promise<string[]>;
  /** Finds, downloads and proves one distribution. */
  acquire(version: string, platform: string): Promise<NodeInput>;
  /** Downloads again what a lock pins. */
  restore(input: NodeInput): Promise<void>;
}

/** A place that has operating-system packages. */
export interface PackageSource {
  readonly label: string;
  /** The packages a variant needs, with all they depend on, downloaded and proven; sorted by name. */
  acquire(request: {
    readonly suite: string;
    readonly architecture: string;
    readonly packages: readonly string[];
  }): Promise<DebInput[]>;
  restore(input: DebInput): Promise<void>;
}
