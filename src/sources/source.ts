import type { DownloadPorts, DownloadRequest } from '../core/download.ts';
import type { Context } from '../core/context.ts';
import type { HttpClient } from '../core/http.ts';
import type { Digest } from '../core/digest.ts';
import type { DebInput, ImageInput, Libc, NodeInput, ToolInput } from './input.ts';

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
  /** ISO day on which a version was published that is not listed any more; undefined where a source cannot know. */
  publishedOn?(version: string, platform: string): Promise<string | undefined>;
  /** Finds, downloads and proves one distribution. */
  acquire(version: string, platform: string, libc: Libc): Promise<NodeInput>;
  /** Downloads again what a lock pins. */
  restore(input: NodeInput | ToolInput): Promise<void>;
  /** The newest version of a tool in a range; undefined when the distribution's own tarball has it. */
  acquireTool(name: string, range: string): Promise<ToolInput | undefined>;
}

/** A place that has operating-system packages. */
export interface PackageSource {
  readonly label: string;
  /** The packages a variant needs, with all they depend on, downloaded and proven; sorted by name. */
  acquire(request: {
    readonly suite: string;
    /** Endings of the archives that belong to the suite: `` for itself, `-updates`, `-security`. */
    readonly pockets: readonly string[];
    readonly architecture: string;
    readonly packages: readonly string[];
    /** Whether all packages that Debian marks essential or required come as well. */
    readonly required?: boolean;
    /** Whether dependencies that only maintainer scripts use are needed. */
    readonly runsScripts?: boolean;
    /** Packages that are there already, of the same archive: what needs them is satisfied. */
    readonly present?: readonly DebInput[];
  }): Promise<DebInput[]>;
  restore(input: DebInput): Promise<void>;
  /** What the security archive of a suite has now, and when it was signed. */
  listSecurity(suite: string, architecture: string): Promise<SecurityListing>;
  /** `changelog.Debian` of a package; undefined when it ships none. */
  readChangelog(entry: SecurityPackage): Promise<string | undefined>;
}

export interface SecurityPackage {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly sourceName: string;
  readonly sourceVersion: string;
}

export interface SecurityListing {
  /** ISO time. */
  readonly date: string;
  readonly packages: readonly SecurityPackage[];
}

/** A place that has images to build on. */
export interface ImageSource {
  readonly label: string;
  /** Pulls what the reference means now. */
  acquire(name: string, platform: string): Promise<ImageInput>;
  /** Pulls by the digest of a lock. */
  restore(input: ImageInput): Promise<void>;
  /** What the reference means now; undefined when it is gone. */
  current(): Promise<Digest | undefined>;
  close(): Promise<void>;
}
