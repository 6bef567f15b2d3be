import type { RunRequest, RunResult } from '../../../runtimes/runtime.ts';

export interface CheckedCell {
  readonly release: string;
  readonly suite: string;
}

export interface CheckRun {
  /** Added to the check's id when a check has several runs. */
  readonly name?: string;
  readonly request: (cell: CheckedCell) => RunRequest;
  /** What is wrong with the result; nothing when it passed. */
  readonly judge: (result: RunResult) => string[];
}

/** One property of a `runtime` image, why it matters, and how a container shows it. */
export interface BatteryCheck {
  readonly id: string;
  readonly reason: string;
  /** Name of the script beside this file; it is mounted as a layer and run by the image's own Node.js. */
  readonly script: string;
  readonly runs: readonly CheckRun[];
}

/** Raised when a check starts to demand something else. */
export const batteryVersion = 1;

const scriptPath = '/nodeworthy-test/check.mjs';
const timeoutMs = 30_000;
const mebibyte = 1 << 20;
const init = ['/usr/bin/tini', '--'] as const;

function run(env: Record<string, string> = {}, more: Partial<RunRequest> = {}): CheckRun {
  return {
    request: (cell) => ({
      args: [...init, 'node', scriptPath],
      env: { EXPECTED_RELEASE: cell.release, EXPECTED_SUITE: cell.suite, ...env },
      timeoutMs,
      ...more,
    }),
    judge: expectExit(0),
  };
}

function expectExit(code: number, withinMs?: number) {
  return (result: RunResult): string[] => [
    ...(result.timedOut ? [`did not end within ${timeoutMs / 1000} s`] : []),
    ...(result.exitCode === code ? [] : [`exit code ${result.exitCode}, expected ${code}: ${lastLines(result)}`]),
    ...(withinMs !== undefined && result.durationMs > withinMs
      ? [`took ${Math.round(result.durationMs)} ms, allowed ${withinMs}`]
      : []),
  ];
}

/** The assertion's own words, not the whole stack. */
function lastLines({ stderr }: RunResult): string {
  const lines = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v|^node:internal/.test(line));
  return lines.slice(0, 6).join(' | ').slice(0, 600);
}

function heapRun(containerMb: number): CheckRun {
  return {
    ...run({ CONTAINER_MB: String(containerMb), EXPECTED_HEAP_MB: '0' }, { memoryBytes: containerMb * mebibyte }),
    name: `${containerMb}MB`,
  };
}

const single = (id: string, reason: string, runs: readonly CheckRun[] = [run()]): BatteryCheck => ({
  id,
  reason,
  script: `${id}.mjs`,
  runs,
});

export const batteryChecks: readonly BatteryCheck[] = [
  single('version', 'A tag must equal what is inside: binary, environment, operating system.'),
  single('builtin-modules', 'A library that the binary needs and does not find shows here first.'),
  {
    id: 'tls-store',
    reason:
      'Enterprises add their own authority: the system store and NODE_EXTRA_CA_CERTS must both be honoured, and nothing else trusted.',
    script: 'tls-store.mjs',
    runs: [
      { ...run({ EXPECTED_TRUST: 'yes' }), name: 'system' },
      {
        ...run({ EXPECTED_TRUST: 'yes', NODE_USE_SYSTEM_CA: '0', NODE_EXTRA_CA_CERTS: '/nodeworthy-test/ca.crt' }),
        name: 'extra',
      },
      { ...run({ EXPECTED_TRUST: 'no', NODE_USE_SYSTEM_CA: '0' }), name: 'unknown' },
    ],
  },
  single('ca-bundle', 'Native code and derived images read the bundle and its hashed folder.'),
  single('dns-files', 'Names of hosts and services come from files before the network.'),
  single('time-zones', 'A missing zone silently becomes UTC.'),
  single('crypto', 'Hashes, ciphers, signatures and key derivation work with the OpenSSL inside.'),
  single('workers', 'Threads start and share memory.'),
  single('http', 'HTTP 1 and 2 over the loopback interface.'),
  {
    id: 'signals',
    reason: 'An orchestrator ends a container with SIGTERM; a process that does not end in time is killed.',
    script: 'signals.mjs',
    runs: [
      {
        ...run({ HANDLER: 'yes' }, { signalAfter: { text: 'ready', signal: 'SIGTERM' } }),
        name: 'handled',
        judge: expectExit(0, 5000),
      },
      {
        ...run({ HANDLER: 'no' }, { signalAfter: { text: 'ready', signal: 'SIGTERM' } }),
        name: 'default',
        judge: expectExit(143, 5000),
      },
    ],
  },
  single('orphans', 'Without an init, orphaned processes stay as zombies until the limit is reached.'),
  {
    id: 'heap-limit',
    reason: 'A heap larger than the container is ended by the kernel, without a word in the log.',
    script: 'heap-limit.mjs',
    runs: [
      heapRun(128),
      heapRun(256),
      heapRun(512),
      heapRun(2048),
      {
        ...run(
          {
            CONTAINER_MB: '512',
            EXPECTED_HEAP_MB: '100',
            EXPECTED_EXACT: 'yes',
            NODE_OPTIONS: '--max-old-space-size=100',
          },
          { memoryBytes: 512 * mebibyte },
        ),
        name: 'override',
      },
    ],
  },
  {
    id: 'arbitrary-user',
    reason: 'Clusters choose the user: the image must work as its own user and as any number with group 0.',
    script: 'arbitrary-user.mjs',
    runs: [
      { ...run({ EXPECTED_USER: '1000:1000' }), name: 'own' },
      { ...run({ EXPECTED_USER: '123456:0' }, { user: '123456:0' }), name: 'any' },
    ],
  },
  single('read-only-root', 'Hardened clusters mount the root read-only.', [
    run({}, { readOnly: true, tmpfs: ['/tmp'] }),
  ]),
  single('diagnostics', 'A report and a heap snapshot must be writable when something goes wrong.'),
  single('file-modes', 'No set-id bit, nothing writable by everybody, no shell and no package manager.'),
];
