import type { HardeningRuleName } from '../../../config/hardening.ts';
import type { BuiltIns } from '../../catalog/built-ins.ts';
import type { Capability } from '../../catalog/capabilities.ts';
import type { HeapSizes } from '../../plan/image-settings.ts';
import type { RunRequest, RunResult } from '../../../runtimes/runtime.ts';
import { assertionOf } from '../assertion-text.ts';
import type { Scope, Trait } from './applicability.ts';

export interface CheckedCell {
  readonly release: string;
  readonly suite: string;
  readonly variant: string;
  /** Rules of hardening that the image carries. */
  readonly hardening: readonly HardeningRuleName[];
  /** User of the image, `UID:GID`. */
  readonly user: string;
  readonly timeZone: string;
  /** What the configuration of the image must say; undefined for one that is its owner's. */
  readonly configuration: ExpectedConfiguration | undefined;
  /** What the image gives to the heap where its release takes it. */
  readonly heap: HeapSizes;
  /** What its release can do: checks that need more do not apply. */
  readonly capabilities: ReadonlySet<Capability>;
  /** Modules and globals that its Node.js has, and such as only other releases have. */
  readonly builtIns: BuiltIns;
  /** What `process.versions.openssl` has to begin with. */
  readonly opensslLine: string;
  /** What is special about the image: see {@link Trait}. */
  readonly traits: readonly Trait[];
}

export interface ExpectedConfiguration {
  readonly user: string;
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly stopSignal: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One container of its own: something a process inside cannot do to itself. */
export interface ContainerRun extends Scope {
  /** Case id: the check's id, and what is special about this run. */
  readonly id: string;
  readonly script: string;
  readonly request: (cell: CheckedCell) => RunRequest;
  /** What is wrong with the result; nothing when it passed. */
  readonly judge: (result: RunResult) => string[];
}

/** A check that shares a container with others: they run one after the other and cannot disturb each other. */
export interface SharedCheck extends Scope {
  readonly id: string;
  readonly script: string;
  /** For a check that starts many processes; 20 s without it. */
  readonly timeoutMs?: number;
  /** Set for a check that needs a process of its own with other variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Raised when a check starts to demand something else. */
export const batteryVersion = 7;

const folder = '/nodeworthy-test';
const timeoutMs = 30_000;
const mebibyte = 1 << 20;
const withShell = ['slim', 'build'] as const;

/** In the order they run. */
export const sharedChecks: readonly SharedCheck[] = [
  { id: 'version', script: 'version.js' },
  // A dozen processes: an emulator needs seconds for each.
  { id: 'capabilities', script: 'capabilities.js', timeoutMs: 120_000 },
  { id: 'quiet-start', script: 'quiet-start.js' },
  { id: 'arbitrary-user/own', script: 'arbitrary-user.js' },
  { id: 'diagnostics/report', script: 'diagnostics.js', needs: ['diagnostic-report'] },
  { id: 'diagnostics/heap-snapshot', script: 'heap-snapshot.js', needs: ['heap-snapshot'] },
  {
    id: 'tls-store/system',
    script: 'tls-store.js',
    env: { EXPECTED_TRUST: 'yes', SSL_CERT_FILE: `${folder}/ca.crt` },
    needs: ['tls-verification', ['system-ca', 'openssl-ca']],
    unless: ['no-system-store'],
  },
  {
    id: 'tls-store/extra',
    script: 'tls-store.js',
    env: { EXPECTED_TRUST: 'yes', NODE_USE_SYSTEM_CA: '0', NODE_EXTRA_CA_CERTS: `${folder}/ca.crt` },
    needs: ['extra-ca'],
  },
  {
    id: 'tls-store/unknown',
    script: 'tls-store.js',
    env: { EXPECTED_TRUST: 'no', NODE_USE_SYSTEM_CA: '0' },
    needs: ['tls-verification'],
  },
  { id: 'ca-bundle', script: 'ca-bundle.js', unless: ['no-certificates', 'foreign-base'] },
  { id: 'dns-files', script: 'dns-files.js', unless: ['foreign-base'] },
  { id: 'crypto/basics', script: 'crypto.js' },
  { id: 'crypto/key-pairs', script: 'key-pairs.js', needs: ['key-pairs'] },
  { id: 'crypto/web', script: 'web-crypto.js', needs: ['web-crypto'] },
  { id: 'workers', script: 'workers.js', needs: ['worker-threads', 'shared-memory'] },
  { id: 'http/1', script: 'http.js' },
  { id: 'http/2', script: 'http2.js', needs: ['http2'] },
  { id: 'http/fetch', script: 'fetch.js', needs: ['fetch'] },
  { id: 'orphans', script: 'orphans.js', unless: ['no-init'] },
  { id: 'file-modes', script: 'file-modes.js', unless: ['keeps-set-id', 'keeps-world-writable'] },
  { id: 'wasm', script: 'wasm.js', needs: ['webassembly'] },
  { id: 'es-modules', script: 'es-modules.js', needs: ['es-modules'] },
  { id: 'fetch-proxy', script: 'fetch-proxy.js', needs: ['fetch'] },
  { id: 'quic', script: 'quic.js', needs: ['es-modules'] },
  { id: 'openssl', script: 'openssl.js' },
  { id: 'fips', script: 'fips.js' },
  { id: 'permission', script: 'permission.js', needs: ['permission'] },
  { id: 'test-runner', script: 'test-runner.js', needs: ['test-runner'] },
  { id: 'sqlite', script: 'sqlite.js', needs: ['sqlite'] },
  { id: 'inspector', script: 'inspector.js', needs: ['inspector'] },
  { id: 'fatal-report', script: 'fatal-report.js', needs: ['diagnostic-report'] },
  { id: 'user-signals/own', script: 'user-signals.js' },
  { id: 'user-signals/inspector', script: 'inspector-signal.js', needs: ['inspector'] },
  { id: 'unhandled/errors', script: 'unhandled.js' },
  { id: 'unhandled/rejections', script: 'rejections.js', needs: ['fatal-rejections'] },
  { id: 'large-file', script: 'large-file.js' },
  { id: 'data-age/system', script: 'data-age.js', unless: ['foreign-base'] },
  { id: 'data-age/icu', script: 'icu-age.js', needs: ['full-icu'], unless: ['end-of-life'] },
  {
    id: 'npm/install',
    script: 'npm-install.js',
    timeoutMs: 120_000,
    variants: withShell,
    unless: ['no-shell'],
  },
  {
    id: 'corepack',
    script: 'corepack.js',
    variants: withShell,
    unless: ['no-shell', 'no-corepack'],
  },
  {
    id: 'shell',
    script: 'shell.js',
    timeoutMs: 60_000,
    variants: withShell,
    unless: ['no-shell', 'no-package-manager', 'foreign-base'],
  },
  { id: 'time-zones/system', script: 'time-zones.js', unless: ['foreign-base'] },
  { id: 'time-zones/icu', script: 'icu.js', needs: ['full-icu'] },
  // The binary is asked: options of an overlay may take globals away.
  { id: 'builtin-modules', script: 'builtin-modules.js', env: { NODE_OPTIONS: '' } },
];

/** The container of the shared checks. */
export function sharedRequest(cell: CheckedCell): RunRequest {
  return {
    ...requestFor(cell, [`${folder}/shared.js`], {
      EXPECTED_USER: cell.user,
      EXPECTED_OPENSSL: cell.opensslLine,
      EXPECTED_BUILT_INS: JSON.stringify(cell.builtIns),
    }),
    timeoutMs: 10 * timeoutMs,
  };
}

export const containerRuns: readonly ContainerRun[] = [
  signalRun('handled', 'yes', 0),
  // Without an init Node.js is process 1, to which the kernel sends no signal that it does not handle.
  { ...signalRun('default', 'no', 143), unless: ['no-init'], needs: ['exit-by-signal'] },
  ...[128, 256, 512, 2048].map((containerMb): ContainerRun => ({
    ...containerRun(
      `heap-limit/${containerMb}MB`,
      'heap-limit.js',
      { CONTAINER_MB: String(containerMb), EXPECTED_HEAP_MB: '0' },
      { memoryBytes: containerMb * mebibyte },
    ),
    // Small limits are followed with the percentage alone: what a release chooses itself has a floor.
    needs: [containerMb === 2048 ? 'memory-limit' : 'heap-percentage'],
    obstacle: ({ heap }) =>
      heapMebibytes(heap, containerMb) < containerMb
        ? undefined
        : `the recipe gives the heap ${heapMebibytes(heap, containerMb)} MiB of ${containerMb}`,
  })),
  {
    id: 'heap-limit/override',
    script: 'heap-limit.js',
    needs: ['heap-statistics'],
    request: (cell) => overrideRequest(cell),
    judge: expectExit(0),
  },
  containerRun('arbitrary-user/any', 'arbitrary-user.js', { EXPECTED_USER: '123456:0' }, { user: '123456:0' }),
  containerRun('read-only-root', 'read-only-root.js', {}, { readOnly: true, tmpfs: ['/tmp'] }),
  {
    ...containerRun('stdin', 'stdin.js', {}, { input: Buffer.from('piped in') }),
    judge: (result) => [
      ...expectExit(0)(result),
      ...(result.stdout.trim() === '{"text":"piped in","isTerminal":false}' ? [] : [`read ${result.stdout.trim()}`]),
    ],
  },
  containerRun('terminal', 'terminal.js', {}, { terminal: true }),
  containerRun('fork-storm', 'fork-storm.js', {}, { pidsLimit: 40 }),
  entrypointRun('option', ['-e', 'console.log(40 + 2)'], '42'),
  entrypointRun('file', [`${folder}/entrypoint.js`, 'a b'], 'ran with ["a b"]'),
  entrypointRun('unknown', ['entrypoint.js'], 'ran with []', folder),
  entrypointRun('command', ['sh', '-c', 'echo from a shell'], 'from a shell'),
  {
    id: 'starts',
    script: 'entrypoint.js',
    variants: ['image'],
    request: () => ({ args: ['node', `${folder}/entrypoint.js`], timeoutMs }),
    judge: (result) => expectExit(0)(result),
  },
  {
    ...containerRun('toolchain', 'toolchain.js', {}, { timeoutMs: 300_000 }),
    variants: ['build'],
    needs: ['node-api'],
    unless: ['no-native-builds'],
  },
];

/**
 * What cannot be seen from inside, because a user may not read it or because it is in no file: layers and configuration
 * of the frozen image are read. What a base of somebody else brings is its makers' decision.
 */
export const audits: readonly (Scope & { readonly id: string })[] = [
  { id: 'configuration' },
  { id: 'secrets' },
  { id: 'libraries' },
  { id: 'world-writable', unless: ['keeps-world-writable'] },
  { id: 'file-privileges/set-id', unless: ['foreign-base', 'keeps-set-id'] },
  { id: 'file-privileges/capabilities', unless: ['foreign-base', 'keeps-capabilities'] },
  { id: 'owners', unless: ['foreign-base'] },
  { id: 'links', unless: ['foreign-base'] },
  { id: 'leftovers', unless: ['foreign-base'] },
];

/** Old and young generation together: V8's heap limit is the old one and three semi-spaces. */
function heapMebibytes({ percentage, semiSpaceMb = 0 }: HeapSizes, containerMb: number): number {
  return Math.ceil((containerMb * percentage) / 100) + 3 * semiSpaceMb;
}

/** By NODE_OPTIONS where the release reads it, as people do; else on the command line. */
function overrideRequest(cell: CheckedCell): RunRequest {
  const option = '--max-old-space-size=100';
  const byVariable = cell.capabilities.has('heap-option');
  const env = {
    CONTAINER_MB: '512',
    EXPECTED_HEAP_MB: '100',
    ...(byVariable ? { NODE_OPTIONS: option } : {}),
  };
  const script = [`${folder}/run-check.js`, 'heap-limit.js'];
  return {
    ...requestFor(cell, byVariable ? script : [option, ...script], env),
    memoryBytes: 512 * mebibyte,
  };
}

function containerRun(
  id: string,
  script: string,
  env: Record<string, string>,
  more: Partial<RunRequest>,
): ContainerRun {
  return {
    id,
    script,
    request: (cell) => ({ ...requestFor(cell, [`${folder}/run-check.js`, script], env), ...more }),
    judge: expectExit(0),
  };
}

/** Through the image's own entrypoint; the output must be the expected text. */
function entrypointRun(
  name: string,
  command: readonly string[],
  expected: string,
  workingDirectory?: string,
): ContainerRun {
  return {
    id: `entrypoint/${name}`,
    script: 'entrypoint.js',
    variants: withShell,
    unless: ['no-shell'],
    request: () => ({ command, timeoutMs, ...(workingDirectory === undefined ? {} : { workingDirectory }) }),
    judge: (result) => [
      ...expectExit(0)(result),
      ...(result.stdout.trim() === expected ? [] : [`printed ${JSON.stringify(result.stdout)}, expected ${expected}`]),
    ],
  };
}

function signalRun(name: string, handler: string, exitCode: number): ContainerRun {
  const signalAfter = { text: 'ready', signal: 'SIGTERM' } as const;
  // Long enough for an emulator to start; an image that ignores the signal shows itself soon.
  const waitMs = 15_000;
  return {
    ...containerRun(`signals/${name}`, 'signals.js', { HANDLER: handler }, { signalAfter, timeoutMs: waitMs }),
    judge: expectExit(exitCode, 5000),
  };
}

function requestFor(cell: CheckedCell, command: readonly string[], env: Record<string, string>): RunRequest {
  return {
    command: ['node', ...command],
    env: {
      EXPECTED_RELEASE: cell.release,
      EXPECTED_SUITE: cell.suite,
      EXPECTED_VARIANT: cell.variant,
      EXPECTED_ZONE: cell.timeZone,
      CAPABILITIES: [...cell.capabilities].sort().join(' '),
      ...env,
    },
    timeoutMs,
  };
}

function expectExit(code: number, withinMs?: number) {
  return (result: RunResult): string[] => [
    ...(result.timedOut ? [`did not end in time, and was killed after ${Math.round(result.durationMs / 1000)} s`] : []),
    ...(result.exitCode === code
      ? []
      : [`exit code ${result.exitCode}, expected ${code}: ${assertionOf(result.stderr)}`]),
    ...(withinMs !== undefined && result.durationMs > withinMs
      ? [`took ${Math.round(result.durationMs)} ms, allowed ${withinMs}`]
      : []),
  ];
}
