import type { HardeningRuleName } from '../../../config/hardening.ts';
import type { RunRequest, RunResult } from '../../../runtimes/runtime.ts';
import { assertionOf } from '../assertion-text.ts';

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

/**
 * What an image lacks that others of its variant have, because its base or its hardening says so. A check that needs
 * it is not asked for, and the suite says so by its digest.
 */
export type Trait =
  | 'no-shell'
  | 'no-package-manager'
  | 'no-init'
  | 'no-certificates'
  | 'foreign-base'
  /** The release line does not ship it. */
  | 'no-corepack';

/** Which images a check is about; without it, all. */
interface Scope {
  readonly variants?: readonly string[];
  readonly unless?: readonly Trait[];
}

export function appliesTo({ variants, unless = [] }: Scope, cell: Pick<CheckedCell, 'variant' | 'traits'>): boolean {
  // An image of a Dockerfile has its own checks, and none of ours by default.
  const isMeant = variants === undefined ? cell.variant !== 'image' : variants.includes(cell.variant);
  return isMeant && !unless.some((trait) => cell.traits.includes(trait));
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
  /** Set for a check that needs a process of its own with other variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Raised when a check starts to demand something else. */
export const batteryVersion = 4;

const folder = '/nodeworthy-test';
const timeoutMs = 30_000;
const mebibyte = 1 << 20;
const withShell = ['slim', 'build'] as const;

/** In the order they run; the last two change the process: its time zone, and what is loaded. */
export const sharedChecks: readonly SharedCheck[] = [
  { id: 'version', script: 'version.mjs' },
  { id: 'arbitrary-user/own', script: 'arbitrary-user.mjs' },
  { id: 'diagnostics', script: 'diagnostics.mjs' },
  {
    id: 'tls-store/system',
    script: 'tls-store.mjs',
    env: { EXPECTED_TRUST: 'yes', SSL_CERT_FILE: `${folder}/ca.crt` },
  },
  {
    id: 'tls-store/extra',
    script: 'tls-store.mjs',
    env: { EXPECTED_TRUST: 'yes', NODE_USE_SYSTEM_CA: '0', NODE_EXTRA_CA_CERTS: `${folder}/ca.crt` },
  },
  { id: 'tls-store/unknown', script: 'tls-store.mjs', env: { EXPECTED_TRUST: 'no', NODE_USE_SYSTEM_CA: '0' } },
  { id: 'ca-bundle', script: 'ca-bundle.mjs', unless: ['no-certificates', 'foreign-base'] },
  { id: 'dns-files', script: 'dns-files.mjs', unless: ['foreign-base'] },
  { id: 'crypto', script: 'crypto.mjs' },
  { id: 'workers', script: 'workers.mjs' },
  { id: 'http', script: 'http.mjs' },
  { id: 'orphans', script: 'orphans.mjs', unless: ['no-init'] },
  { id: 'file-modes', script: 'file-modes.mjs' },
  { id: 'wasm', script: 'wasm.mjs' },
  { id: 'fetch-proxy', script: 'fetch-proxy.mjs' },
  { id: 'quic', script: 'quic.mjs' },
  { id: 'openssl', script: 'openssl.mjs' },
  { id: 'fips', script: 'fips.mjs' },
  { id: 'permission', script: 'permission.mjs' },
  { id: 'test-runner', script: 'test-runner.mjs' },
  { id: 'sqlite', script: 'sqlite.mjs' },
  { id: 'inspector', script: 'inspector.mjs' },
  { id: 'fatal-report', script: 'fatal-report.mjs' },
  { id: 'user-signals', script: 'user-signals.mjs' },
  { id: 'unhandled', script: 'unhandled.mjs' },
  { id: 'large-file', script: 'large-file.mjs' },
  { id: 'data-age', script: 'data-age.mjs', unless: ['foreign-base'] },
  { id: 'npm/install', script: 'npm-install.mjs', variants: withShell, unless: ['no-shell', 'no-package-manager'] },
  {
    id: 'corepack',
    script: 'corepack.mjs',
    variants: withShell,
    unless: ['no-shell', 'no-package-manager', 'no-corepack'],
  },
  {
    id: 'shell',
    script: 'shell.mjs',
    variants: withShell,
    unless: ['no-shell', 'no-package-manager', 'foreign-base'],
  },
  { id: 'time-zones', script: 'time-zones.mjs', unless: ['foreign-base'] },
  { id: 'builtin-modules', script: 'builtin-modules.mjs' },
];

/** The container of the shared checks. */
export function sharedRequest(cell: CheckedCell): RunRequest {
  return { ...requestFor(cell, 'shared.mjs', { EXPECTED_USER: cell.user }), timeoutMs: 4 * timeoutMs };
}

export const containerRuns: readonly ContainerRun[] = [
  signalRun('handled', 'yes', 0),
  // Without an init Node.js is process 1, to which the kernel sends no signal that it does not handle.
  { ...signalRun('default', 'no', 143), unless: ['no-init'] },
  ...[128, 256, 512, 2048].map((containerMb) =>
    containerRun(
      `heap-limit/${containerMb}MB`,
      'heap-limit.mjs',
      { CONTAINER_MB: String(containerMb), EXPECTED_HEAP_MB: '0' },
      { memoryBytes: containerMb * mebibyte },
    ),
  ),
  containerRun(
    'heap-limit/override',
    'heap-limit.mjs',
    { CONTAINER_MB: '512', EXPECTED_HEAP_MB: '100', NODE_OPTIONS: '--max-old-space-size=100' },
    { memoryBytes: 512 * mebibyte },
  ),
  containerRun('arbitrary-user/any', 'arbitrary-user.mjs', { EXPECTED_USER: '123456:0' }, { user: '123456:0' }),
  containerRun('read-only-root', 'read-only-root.mjs', {}, { readOnly: true, tmpfs: ['/tmp'] }),
  {
    ...containerRun('stdin', 'stdin.mjs', {}, { input: Buffer.from('piped in') }),
    judge: (result) => [
      ...expectExit(0)(result),
      ...(result.stdout.trim() === '{"text":"piped in","isTerminal":false}' ? [] : [`read ${result.stdout.trim()}`]),
    ],
  },
  containerRun('terminal', 'terminal.mjs', {}, { terminal: true }),
  containerRun('fork-storm', 'fork-storm.mjs', {}, { pidsLimit: 40 }),
  entrypointRun('option', ['--print', '40 + 2'], '42'),
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
    ...containerRun('toolchain', 'toolchain.mjs', {}, { timeoutMs: 300_000 }),
    variants: ['build'],
  },
];

function containerRun(
  id: string,
  script: string,
  env: Record<string, string>,
  more: Partial<RunRequest>,
): ContainerRun {
  return { id, script, request: (cell) => ({ ...requestFor(cell, script, env), ...more }), judge: expectExit(0) };
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
    ...containerRun(`signals/${name}`, 'signals.mjs', { HANDLER: handler }, { signalAfter, timeoutMs: waitMs }),
    judge: expectExit(exitCode, 5000),
  };
}

function requestFor(cell: CheckedCell, script: string, env: Record<string, string>): RunRequest {
  return {
    command: ['node', `${folder}/${script}`],
    env: {
      EXPECTED_RELEASE: cell.release,
      EXPECTED_SUITE: cell.suite,
      EXPECTED_VARIANT: cell.variant,
      EXPECTED_ZONE: cell.timeZone,
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
