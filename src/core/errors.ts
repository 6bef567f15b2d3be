/**
 * Every failure a user can meet has a code of this closed table. The table owns the exit status and whether a
 * retry can help; messages and hints are written where the failure happens.
 */
export const failureCodes = {
  USAGE: { exit: 2, transient: false, meaning: 'the command line is wrong' },
  RECIPE_INVALID: { exit: 2, transient: false, meaning: 'the recipe does not follow its schema' },
  SELECTION_EMPTY: { exit: 2, transient: false, meaning: 'a version, suite or platform in the recipe does not exist' },
  LOCK_MISSING: { exit: 3, transient: false, meaning: 'there is no lock file yet' },
  LOCK_INVALID: { exit: 3, transient: false, meaning: 'the lock file cannot be read' },
  LOCK_OUTDATED: { exit: 3, transient: false, meaning: 'the lock was made from another recipe' },
  UNRESOLVED: { exit: 4, transient: false, meaning: 'the inputs of a cell could not be had' },
  CELLS_FAILED: { exit: 4, transient: false, meaning: 'at least one cell did not reach its goal' },
  SOURCE_UNREACHABLE: { exit: 5, transient: true, meaning: 'a source of inputs did not answer' },
  SOURCE_INVALID: { exit: 5, transient: false, meaning: 'a source of inputs answered nonsense' },
  SOURCE_UNCONFIGURED: { exit: 5, transient: false, meaning: 'the machine names no source for an input' },
  INTEGRITY: { exit: 6, transient: false, meaning: 'bytes are not the bytes that were promised' },
  SIGNATURE: { exit: 6, transient: false, meaning: 'a signature is missing, wrong or by an unknown key' },
  INPUT_CHANGED: { exit: 6, transient: false, meaning: 'an input changed under the same name and version' },
  ARCHIVE_HOSTILE: { exit: 6, transient: false, meaning: 'an archive breaks the rules of safe archives' },
  PACKAGE_UNREVIEWED: { exit: 7, transient: false, meaning: 'a package runs scripts that nobody reviewed' },
  BASE_UNUSABLE: { exit: 7, transient: false, meaning: 'Node.js cannot run on the image of a base' },
  DEPENDENCY_UNSATISFIED: { exit: 7, transient: false, meaning: 'a package or library cannot be satisfied' },
  INSTALLATION_FAILED: { exit: 7, transient: false, meaning: 'a maintainer script failed in the sandbox' },
  DOCKERFILE_FAILED: { exit: 7, transient: false, meaning: 'an engine could not build a Dockerfile' },
  COMPRESSOR_UNKNOWN: {
    exit: 7,
    transient: false,
    meaning: 'this Node.js compresses to other bytes than the reference',
  },
  RUNTIME_MISSING: { exit: 8, transient: false, meaning: 'no container runtime can be used' },
  ENGINE_MISSING: { exit: 8, transient: false, meaning: 'no engine can build a Dockerfile' },
  SANDBOX_MISSING: { exit: 8, transient: false, meaning: 'maintainer scripts cannot run on this machine' },
  EMULATOR_MISSING: { exit: 8, transient: false, meaning: 'programs of a platform cannot run on this machine' },
  RUNTIME_FAILED: { exit: 8, transient: false, meaning: 'the container runtime broke' },
  REGISTRY_UNREACHABLE: { exit: 9, transient: true, meaning: 'a registry did not answer' },
  REGISTRY_UNAUTHORIZED: { exit: 9, transient: false, meaning: 'a registry refused the credentials' },
  REGISTRY_INVALID: { exit: 9, transient: false, meaning: 'a registry broke the protocol' },
  NOT_FOUND: { exit: 9, transient: false, meaning: 'a tag, manifest or blob does not exist' },
  TAG_IMMUTABLE: { exit: 10, transient: false, meaning: 'a revision tag already means something else' },
  TAG_WOULD_MOVE_BACK: { exit: 10, transient: false, meaning: 'an alias would point to an older image' },
  TAG_OF_OTHER_ENVIRONMENT: {
    exit: 10,
    transient: false,
    meaning: 'a tag belongs to an image of an environment that comes before this one',
  },
  TAG_WOULD_CHANGE_BASE: {
    exit: 10,
    transient: false,
    meaning: 'an alias would change its operating system inside a release line',
  },
  OVER_BUDGET: { exit: 10, transient: false, meaning: 'an image is larger than the budget of its variant' },
  UNTESTED: { exit: 10, transient: false, meaning: 'a digest has no complete, passing test report' },
  DENIED: { exit: 10, transient: false, meaning: 'a gate denies a digest, or people have not approved it' },
  WAITING: { exit: 15, transient: false, meaning: 'an image waits for people to approve it' },
  UNVERIFIED: { exit: 10, transient: false, meaning: 'an image is not what its evidence has to say' },
  KEY_INVALID: { exit: 13, transient: false, meaning: 'a key is missing, of another kind or locked' },
  SIGNER_FAILED: { exit: 13, transient: false, meaning: 'a signer gave no signature that holds' },
  FEED_INVALID: { exit: 14, transient: false, meaning: 'a feed of vulnerabilities is empty, cut off or no such feed' },
  STORE_DAMAGED: { exit: 11, transient: false, meaning: 'the store holds something it cannot hold' },
  STORE_BUSY: { exit: 11, transient: true, meaning: 'another process holds the store' },
  DISK_FULL: { exit: 12, transient: false, meaning: 'no space is left on the device' },
  FILE_UNUSABLE: { exit: 12, transient: false, meaning: 'a file or folder cannot be read or written' },
  INTERRUPTED: { exit: 130, transient: false, meaning: 'the user stopped the run' },
} as const satisfies Record<string, { exit: number; transient: boolean; meaning: string }>;

export type FailureCode = keyof typeof failureCodes;

export interface FailureOptions {
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Something went wrong that is not a bug of ours: `message` says what happened to which thing, `hint` what to do. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get exitStatus(): number {
    return failureCodes[this.code].exit;
  }

  get isTransient(): boolean {
    return failureCodes[this.code].transient;
  }
}

export function isFailure(error: unknown, code?: FailureCode): error is Failure {
  return error instanceof Failure && (code === undefined || error.code === code);
}

/** The `code` of a Node.js system error (`ENOENT`, `ECONNRESET`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Turns file-system errors a user can cause into failures that name the path; anything else is returned as it is. */
export function translateFileError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Failure('DISK_FULL', `no space left while writing ${path}`, {
      hint: 'free some space and run the same command again; finished work is kept',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new Failure('FILE_UNUSABLE', `${path} cannot be used: ${code}`, {
      hint: 'check the permissions of the folder, or choose another one with --store',
      cause: error,
    });
  }
  return error;
}
