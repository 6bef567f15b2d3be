import semver from 'semver';
import { lineNameOf } from '../../formats/node-version.ts';

interface Row {
  /** Releases that have it: a range that names for each line the first one. */
  readonly since: string;
  /** What it is. */
  readonly what: string;
  /** What somebody who runs an image without it has to know or do; nothing when it is no matter of running. */
  readonly lacking?: string;
}

/**
 * What a release of Node.js can do, as far as settings of images or checks rely on it: the one place that says so.
 * Source: the ranges were read off the binaries of all releases that the npm registry lists, by
 * `checks/capabilities/probe.js`; `permission-default`, `semi-space-option`, `system-ca` and `test-runner` off those at
 * their boundaries. The check of that name holds them to the binary in every image. Options stand for their place in NODE_OPTIONS.
 */
const table = {
  'builtin-list': { since: '^6.13.0 || ^8.10.0 || ^9.3.0 || >=10', what: '`module.builtinModules`' },
  'cgroup-v2': {
    since: '18.18.0 || ^20.3.0 || >=21',
    what: 'reads memory limits of cgroup v2',
    lacking: 'memory limits of cgroup v2 are not seen by the heap: set --max-old-space-size',
  },
  'default-tls-1.2': {
    since: '>=12',
    what: 'refuses TLS below 1.2 unless asked',
    lacking: 'TLS 1.0 and 1.1 are on by default: set minimum versions in the application',
  },
  'diagnostic-dir': { since: '^12.19.0 || ^14.7.0 || >=15', what: '`--diagnostic-dir`' },
  'diagnostic-report': {
    since: '^12.17.0 || ^13.12.0 || >=14',
    what: 'diagnostic reports without a switch',
    lacking: 'there are no diagnostic reports',
  },
  'dns-services': { since: '>=0.11', what: '`dns.lookupService`' },
  'es-modules': { since: '^12.17.0 || ^13.3.0 || >=14', what: 'ES modules without a switch' },
  'exit-by-signal': {
    since: '>=0.10.0',
    what: 'a signal ends the process as that signal',
    lacking: 'a signal that is not handled ends the process with exit code 1',
  },
  'exit-code': { since: '>=0.11', what: '`process.exitCode`' },
  'extra-ca': {
    since: '^4.8.4 || ^6.10.3 || ^7.3.0 || >=8',
    what: 'NODE_EXTRA_CA_CERTS',
    lacking: 'extra authorities are not read from NODE_EXTRA_CA_CERTS: pass them as `ca`',
  },
  'fatal-rejections': {
    since: '>=15',
    what: 'an unhandled rejection ends the process',
    lacking: 'an unhandled rejection does not end the process',
  },
  fetch: { since: '>=18', what: 'global `fetch`' },
  'full-icu': {
    since: '>=13',
    what: 'all locales of ICU',
    lacking: 'Intl knows English only',
  },
  'gcm-ciphers': { since: '>=0.11', what: 'AES-GCM' },
  'heap-option': { since: '^6.12.1 || ^8.2.0 || >=9', what: '`--max-old-space-size` in NODE_OPTIONS' },
  'heap-percentage': {
    since: '^22.21.0 || ^24.6.0 || >=25',
    what: '`--max-old-space-size-percentage`',
    lacking: 'the heap does not follow the memory limit: set --max-old-space-size to about 70 % of it',
  },
  'heap-snapshot': { since: '^11.13.0 || >=12', what: '`v8.writeHeapSnapshot`' },
  'heap-statistics': { since: '>=4', what: '`v8.getHeapStatistics`' },
  http2: { since: '^8.8.0 || >=9', what: 'HTTP/2' },
  inspector: { since: '>=8', what: 'the inspector and its module' },
  'key-pairs': { since: '>=12', what: 'key pairs, signatures in one call' },
  'memory-limit': {
    since: '>=12.7.0',
    what: 'the largest heap is smaller than a memory limit of two gigabytes',
    lacking: 'the heap may grow to a size that has nothing to do with the memory limit',
  },
  'node-api': { since: '^6.14.2 || ^8.11.2 || ^9.5.0 || >=10', what: 'Node-API' },
  'node-options': {
    since: '^6.12.0 || >=8',
    what: 'NODE_OPTIONS',
    lacking: 'NODE_OPTIONS is not read: pass options on the command line',
  },
  npx: { since: '>=8.2.0', what: 'npx beside npm' },
  'openssl-ca': { since: '^6.12.0 || >=8', what: '`--use-openssl-ca`' },
  'openssl-providers': { since: '>=17', what: 'OpenSSL 3 and its providers' },
  permission: { since: '>=20', what: 'the permission model' },
  'permission-default': {
    since: '^20.6.0 || >=21',
    what: 'the permission model denies processes without any other switch',
  },
  'proxy-variables': { since: '^22.21.0 || >=24', what: 'NODE_USE_ENV_PROXY' },
  'report-directory': { since: '^12.17.0 || ^13.12.0 || >=14', what: '`--report-directory`' },
  'semi-space-option': { since: '^18.13.0 || >=19.2', what: '`--max-semi-space-size` in NODE_OPTIONS' },
  'shared-memory': { since: '^8.10.0 || >=9', what: 'SharedArrayBuffer and Atomics' },
  sqlite: { since: '^22.13.0 || ^23.4.0 || >=24', what: '`node:sqlite` without a switch' },
  'system-ca': {
    since: '^22.15.0 || ^23.9.0 || >=24',
    what: '`--use-system-ca` that is honoured',
  },
  'system-ca-variable': { since: '^22.19.0 || ^24.6.0 || >=25', what: 'NODE_USE_SYSTEM_CA' },
  'test-reporters': { since: '^18.17.0 || >=20', what: 'reporters of the test runner' },
  'test-runner': { since: '^16.17.0 || ^18.1.0 || >=19', what: '`--test`' },
  'tls-1.2': { since: '>=0.10', what: 'TLS 1.2', lacking: 'TLS 1.2 is missing: most servers refuse it' },
  'tls-1.3': { since: '>=12', what: 'TLS 1.3' },
  'tls-verification': {
    since: '>=0.10',
    what: 'certificates of servers are checked unless told otherwise',
    lacking: 'certificates of servers are not checked unless `rejectUnauthorized` is set',
  },
  'web-crypto': { since: '>=15', what: 'Web Crypto' },
  webassembly: { since: '>=8', what: 'WebAssembly' },
  'worker-threads': { since: '^11.7.0 || >=12', what: 'worker threads' },
  x509: { since: '^15.7.0 || >=16', what: '`crypto.X509Certificate`' },
} as const satisfies Record<string, Row>;

export type Capability = keyof typeof table;
export const capabilityNames = Object.keys(table) as [Capability, ...Capability[]];
export const capabilityTable: Readonly<Record<Capability, Row>> = table;

/** The newest release of each line that was asked. */
const newestInData = [
  '0.8.28',
  '0.10.48',
  '0.11.15',
  '0.12.18',
  '4.9.1',
  '5.12.0',
  '6.17.1',
  '7.10.1',
  '8.17.0',
  '9.11.2',
  '10.24.1',
  '11.15.0',
  '12.22.12',
  '13.14.0',
  '14.21.3',
  '15.14.0',
  '16.20.2',
  '17.9.1',
  '18.20.8',
  '19.8.1',
  '20.20.2',
  '21.7.3',
  '22.23.5',
  '23.11.1',
  '24.22.3',
  '25.9.0',
  '26.12.1',
];

/** Lines of OpenSSL by the first release of each: what `process.versions.openssl` begins with. */
const opensslLines: readonly (readonly [since: string, line: string])[] = [
  ['>=17.0.0', '3.'],
  ['^10.16.0 || >=11.9.0', '1.1.1'],
  ['>=10.0.0', '1.1.0'],
  ['>=4.0.0', '1.0.2'],
  ['>=0.10.0', '1.0.1'],
  ['>=0.8.0', '1.0.0'],
];

/** What no binary can be asked: it takes a container with a limit, or npm beside it. */
const notProbed: ReadonlySet<Capability> = new Set<Capability>(['memory-limit', 'npx']);

/** Whether a binary can be asked for it. */
export function isProbed(name: Capability): boolean {
  return !notProbed.has(name);
}

/** Whether binaries of this release were asked when the data was written. */
export function isInData(release: string): boolean {
  const version = semver.parse(release);
  if (!version || version.prerelease.length > 0) return false;
  const newest = newestInData.find((candidate) => lineNameOf(candidate) === lineNameOf(release));
  return newest !== undefined && semver.lte(version, newest);
}

/** What a release can do by its version alone. One that is newer than the data is taken to do what its line does. */
export function capabilitiesOf(release: string): ReadonlySet<Capability> {
  const known = asked.get(release);
  if (known) return known;
  const version = semver.parse(release);
  const found = new Set(capabilityNames.filter((name) => version && semver.satisfies(version, table[name].since)));
  asked.set(release, found);
  return found;
}

/** A plan asks for each cell, at each of its steps. */
const asked = new Map<string, ReadonlySet<Capability>>();

/** By the release, and by what its binary can do: some are built on another OpenSSL than the release itself. */
export function opensslLineOf(release: string, capabilities: ReadonlySet<string>): string {
  const line = opensslLines.find(([since]) => semver.satisfies(release, since))?.[1] ?? '';
  return capabilities.has('openssl-providers') && line.startsWith('1') ? '3.' : line;
}

/**
 * What an image of such a release lacks, in words for whoever runs it.
 * @param heapPercentage share of the memory limit that the heap would get where the release could follow it
 */
export function limitationsOf(capabilities: ReadonlySet<Capability>, heapPercentage = 70): string[] {
  const authorities = ['system-ca', 'openssl-ca'].some((name) => capabilities.has(name as Capability))
    ? []
    : ["the system's authorities are not read: pass them as `ca`"];
  const others = capabilityNames.flatMap((name) => {
    const { lacking }: Row = table[name];
    return lacking === undefined || capabilities.has(name) || isImplied(name, capabilities) ? [] : [lacking];
  });
  return [...others, ...authorities].map((text) => text.replace('about 70 %', `about ${heapPercentage} %`));
}

/** A lesser limitation is not told beside the greater one that has the same remedy. */
function isImplied(name: Capability, capabilities: ReadonlySet<Capability>): boolean {
  return (name === 'cgroup-v2' || name === 'memory-limit') && !capabilities.has('heap-percentage');
}
