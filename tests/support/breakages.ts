import type { ImageConfig } from '../../src/formats/oci/descriptor.ts';
import type { LayerFile } from '../../src/runtimes/runtime.ts';
import type { CheckedCell } from '../../src/stages/test/battery/battery.ts';
import type { Breakage } from './battery-target.ts';

type Config = NonNullable<ImageConfig['config']>;

export interface BrokenImage {
  /** Cases that must notice. */
  readonly ids: readonly string[];
  readonly what: string;
  /** Variant that has the check; `runtime` without it. */
  readonly variant?: 'slim' | 'build';
  readonly cell?: Partial<CheckedCell>;
  readonly breakage: (config: Config) => Breakage;
}

export const textFile = (path: string, text: string, more: Partial<LayerFile> = {}): LayerFile => ({
  path,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  bytes: Buffer.from(text),
  ...more,
});

const files =
  (...list: LayerFile[]) =>
  (): Breakage => ({ files: list });
const changeEnv =
  (change: (line: string) => string | undefined) =>
  ({ Env }: Config): Breakage => ({ config: { Env: (Env ?? []).flatMap((line) => change(line) ?? []) } });
const addEnv =
  (line: string) =>
  ({ Env }: Config): Breakage => ({ config: { Env: [...(Env ?? []), line] } });

/** A Node.js that is not what it was: code that runs before everything, in each of its processes. */
const patched =
  (code: string) =>
  ({ Env }: Config): Breakage => ({
    files: [textFile('break.cjs', `${code};require('module').syncBuiltinESMExports();`)],
    config: {
      Env: (Env ?? []).map((line) => (line.startsWith('NODE_OPTIONS=') ? `${line} --require=/break.cjs` : line)),
    },
  });

/** An entrypoint that stands between the engine and the process. */
const wrapped = (code: string) => (): Breakage => ({
  files: [
    textFile(
      'wrap.cjs',
      `const [, , file, ...args] = process.argv; const { spawn } = require('child_process'); ${code}`,
    ),
  ],
  config: { Entrypoint: ['/usr/local/bin/node', '/wrap.cjs'] },
});
const passOn = (flags: string, stdio: string): string =>
  `spawn(file, [${flags}...args], { stdio: ${stdio} }).on('close', (code) => process.exit(code ?? 1));`;

const failing = '#!/bin/sh\nexit 3\n';
const program = (path: string, text = failing): LayerFile => textFile(path, text, { mode: 0o755 });

/** Each check of the battery, and an image that is broken on purpose for it. */
export const brokenImages: readonly BrokenImage[] = [
  {
    ids: ['version'],
    what: 'a wrong os-release',
    breakage: files(textFile('usr/lib/os-release', 'VERSION_CODENAME=bookworm\n')),
  },
  { ids: ['arbitrary-user/own'], what: 'root as user', breakage: () => ({ config: { User: '0:0' } }) },
  {
    ids: ['arbitrary-user/any'],
    what: 'a working folder of one user only',
    breakage: files({ path: 'app', kind: 'directory', mode: 0o755, uid: 1000, gid: 1000 }),
  },
  {
    ids: ['diagnostics/report', 'diagnostics/heap-snapshot', 'fatal-report'],
    what: 'no place for diagnostics',
    breakage: files({ path: 'var/diagnostics', kind: 'directory', mode: 0o755, uid: 0, gid: 0 }),
  },
  {
    ids: ['tls-store/system'],
    what: 'a store that is not honoured',
    breakage: changeEnv((line) => (line.startsWith('NODE_USE_SYSTEM_CA') ? undefined : line)),
  },
  {
    ids: ['tls-store/extra'],
    what: 'extra authorities that are not honoured',
    breakage: patched(
      "const tls = require('tls'); const { connect } = tls; tls.connect = (options, ...more) => connect({ ...options, ca: [] }, ...more)",
    ),
  },
  {
    ids: ['tls-store/unknown'],
    what: 'an authority everybody trusts',
    breakage: addEnv('NODE_TLS_REJECT_UNAUTHORIZED=0'),
  },
  {
    ids: ['ca-bundle', 'data-age/system'],
    what: 'no bundle',
    breakage: files(textFile('etc/ssl/certs/ca-certificates.crt', '')),
  },
  {
    ids: ['data-age/system'],
    what: 'old time zones',
    breakage: files(textFile('usr/share/zoneinfo/tzdata.zi', '# version 2019a\n')),
  },
  { ids: ['dns-files'], what: 'no names of services', breakage: files(textFile('etc/services', '')) },
  { ids: ['time-zones/system'], what: 'another local time', breakage: files(textFile('etc/localtime', 'no zone')) },
  {
    ids: ['crypto/basics'],
    what: 'hashes that do not work',
    breakage: patched("require('crypto').createHash = () => { throw new Error('no'); }"),
  },
  {
    ids: ['workers'],
    what: 'no threads',
    breakage: patched("require('worker_threads').Worker = class { constructor() { throw new Error('no'); } }"),
  },
  {
    ids: ['http/1'],
    what: 'a server that answers nothing',
    breakage: patched(
      "const http = require('http'); const { createServer } = http; http.createServer = () => createServer((_, response) => response.end())",
    ),
  },
  {
    ids: ['http/fetch'],
    what: 'a fetch that answers nothing',
    breakage: patched("globalThis.fetch = async () => new Response('')"),
  },
  {
    ids: ['crypto/key-pairs'],
    what: 'signatures that are all accepted',
    breakage: patched("require('crypto').verify = () => true"),
  },
  {
    ids: ['crypto/web'],
    what: 'a digest of something else',
    breakage: patched("require('crypto').webcrypto.subtle.digest = async () => new ArrayBuffer(32)"),
  },
  {
    ids: ['es-modules'],
    what: 'modules that are not loaded',
    breakage: patched("if (/main\\.mjs$/.test(process.argv[1] || '')) process.exit(3)"),
  },
  {
    ids: ['quiet-start'],
    what: 'a warning at each start',
    breakage: patched("process.emitWarning('old')"),
  },
  {
    ids: ['capabilities'],
    what: 'a release that can do less than its version says',
    breakage: patched('delete globalThis.fetch'),
  },
  {
    ids: ['data-age/icu', 'time-zones/icu'],
    what: 'an old ICU',
    breakage: patched(
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, tz: '2019a' } }); Intl.Collator = undefined",
    ),
  },
  {
    ids: ['http/2'],
    what: 'no HTTP/2',
    breakage: patched("require('http2').connect = () => { throw new Error('no'); }"),
  },
  {
    ids: ['orphans'],
    what: 'no init',
    breakage: files(
      program(
        'usr/bin/tini',
        `#!/usr/local/bin/node\nconst [, , , file, ...args] = process.argv; const { spawn } = require('child_process'); ${passOn('', "'inherit'")}`,
      ),
    ),
  },
  { ids: ['file-modes'], what: 'a shell', breakage: files(program('usr/bin/sh', '#!')) },
  {
    ids: ['file-modes', 'file-privileges'],
    what: 'a set-id file',
    breakage: files(textFile('usr/bin/x', 'x', { mode: 0o4755 })),
  },
  {
    ids: ['file-modes', 'world-writable'],
    what: 'a folder everybody may write',
    breakage: files({ path: 'opt/open', kind: 'directory', mode: 0o777, uid: 0, gid: 0 }),
  },
  { ids: ['wasm'], what: 'no WebAssembly', breakage: patched('delete globalThis.WebAssembly') },
  {
    ids: ['fetch-proxy'],
    what: 'a fetch that goes directly',
    breakage: patched("globalThis.fetch = async () => new Response('direct')"),
  },
  {
    ids: ['quic'],
    what: 'half a QUIC',
    breakage: patched("console.log = () => process.stdout.write('object undefined')"),
  },
  {
    ids: ['openssl'],
    what: 'weak ciphers',
    breakage: patched("require('tls').DEFAULT_CIPHERS = 'RC4-SHA:DES-CBC3-SHA'"),
  },
  { ids: ['fips'], what: 'a FIPS mode without a provider', breakage: patched("require('crypto').getFips = () => 1") },
  {
    ids: ['permission'],
    what: 'a permission model that denies what is allowed',
    breakage: patched(
      'if (process.permission && process.execArgv.some((flag) => flag.startsWith("--allow-fs-read"))) process.exit(5)',
    ),
  },
  {
    ids: ['test-runner'],
    what: 'failing tests that pass',
    breakage: patched("process.on('exit', () => (process.exitCode = 0))"),
  },
  {
    ids: ['sqlite'],
    what: 'a module that does not load',
    breakage: patched("require('node:sqlite').DatabaseSync = undefined"),
  },
  {
    ids: ['inspector'],
    what: 'an inspector that does not open',
    // What a Node.js without an inspector says to the option. To end the child itself would be a race with the answer.
    breakage: patched(
      "const child = require('child_process'); const { spawn } = child; child.spawn = (file, args, options) => spawn(file, args.map((arg) => (arg.startsWith('--inspect=') ? '--no-such-option' : arg)), options)",
    ),
  },
  {
    ids: ['user-signals/own'],
    what: 'a taken SIGUSR2',
    breakage: patched("process.on('SIGUSR2', () => process.exit(3))"),
  },
  {
    ids: ['user-signals/inspector'],
    what: 'a taken SIGUSR1',
    breakage: patched("process.on('SIGUSR1', () => process.exit(3))"),
  },
  {
    ids: ['unhandled/errors'],
    what: 'errors that nobody notices',
    breakage: patched("process.on('uncaughtException', () => {})"),
  },
  {
    ids: ['unhandled/rejections'],
    what: 'rejections that nobody notices',
    breakage: patched("process.on('unhandledRejection', () => {})"),
  },
  {
    ids: ['large-file'],
    what: 'a limit on files',
    breakage: patched(
      "const fs = require('fs'); const { writeSync } = fs; fs.writeSync = (file, bytes, from, length, at) => { if (at > 2 ** 32) throw new Error('EFBIG'); return writeSync(file, bytes, from, length, at); }",
    ),
  },
  {
    ids: ['builtin-modules'],
    what: 'a built-in module that is gone',
    cell: {
      builtIns: { has: { modules: ['fs', 'fs/of/tomorrow'], globals: [] }, lacks: { modules: [], globals: [] } },
    },
    breakage: () => ({}),
  },
  {
    ids: ['builtin-modules'],
    what: 'globals that the release is not known to have',
    cell: { builtIns: { has: { modules: [], globals: [] }, lacks: { modules: ['zlib'], globals: ['fetch'] } } },
    breakage: () => ({}),
  },
  {
    ids: ['stdin'],
    what: 'an entrypoint without stdin',
    breakage: wrapped(passOn('', "['ignore', 'inherit', 'inherit']")),
  },
  {
    ids: ['terminal'],
    what: 'an entrypoint without a terminal',
    breakage: wrapped(
      "const child = spawn(file, args); child.stdout.pipe(process.stdout); child.on('close', (code) => process.exit(code ?? 1));",
    ),
  },
  {
    ids: ['fork-storm'],
    what: 'a crash where an error belongs',
    breakage: patched("require('child_process').spawn = () => process.abort()"),
  },
  {
    ids: ['signals/handled', 'signals/default'],
    what: 'an entrypoint that keeps signals',
    breakage: wrapped(`process.on('SIGTERM', () => process.exit(7)); ${passOn('', "'inherit'")}`),
  },
  {
    ids: ['heap-limit/128MB', 'heap-limit/256MB', 'heap-limit/512MB', 'heap-limit/2048MB'],
    what: 'a heap as large as the container',
    breakage: changeEnv((line) =>
      line.startsWith('NODE_OPTIONS') ? 'NODE_OPTIONS=--max-old-space-size-percentage=100' : line,
    ),
  },
  {
    ids: ['heap-limit/override'],
    what: 'a heap that cannot be chosen',
    breakage: wrapped(passOn("'--max-old-space-size=300', ", "'inherit'")),
  },
  {
    ids: ['read-only-root'],
    what: 'a start that writes',
    breakage: patched("require('fs').writeFileSync('/app/started', '')"),
  },
  { ids: ['configuration'], what: 'another user', breakage: () => ({ config: { User: 'node' } }) },
  { ids: ['secrets'], what: 'a token in a variable', breakage: addEnv('DEPLOY_TOKEN=abc') },
  { ids: ['secrets'], what: 'settings of npm with credentials', breakage: files(textFile('home/node/.npmrc', 'x')) },
  {
    ids: ['libraries'],
    what: 'a library that is gone',
    breakage: files(textFile('usr/lib/x86_64-linux-gnu/.wh.libstdc++.so.6', '')),
  },
  { ids: ['owners'], what: 'a file of nobody known', breakage: files(textFile('opt/x', 'x', { uid: 4242 })) },
  { ids: ['owners'], what: 'a file of nobody', breakage: files(textFile('opt/x', 'x', { uid: 65_534 })) },
  {
    ids: ['links'],
    what: 'a link to nothing',
    breakage: files({ path: 'opt/link', kind: 'symlink', mode: 0o777, uid: 0, gid: 0, target: '/opt/none' }),
  },
  { ids: ['leftovers'], what: 'package lists', breakage: files(textFile('var/lib/apt/lists/some_Packages', 'x')) },
  {
    ids: ['starts'],
    what: 'a node that does not run',
    cell: { variant: 'image', traits: ['foreign-base'] },
    breakage: files(program('usr/local/bin/node', 'no program')),
  },
  {
    ids: ['shell'],
    what: 'half a package database',
    variant: 'slim',
    breakage: files(textFile('var/lib/dpkg/status', '')),
  },
  {
    ids: ['npm/install'],
    what: 'an npm that does not run',
    variant: 'slim',
    breakage: files(textFile('usr/local/lib/node_modules/npm/bin/npm-cli.js', 'process.exit(3)')),
  },
  {
    ids: ['corepack'],
    what: 'a corepack that does not run',
    variant: 'slim',
    breakage: files(textFile('usr/local/lib/node_modules/corepack/dist/corepack.js', 'process.exit(3)')),
  },
  {
    ids: ['entrypoint/option', 'entrypoint/file', 'entrypoint/unknown', 'entrypoint/command'],
    what: 'an entrypoint that does nothing',
    variant: 'slim',
    breakage: () => ({ files: [program('none')], config: { Entrypoint: ['/none'] } }),
  },
  {
    ids: ['toolchain'],
    what: 'no headers',
    variant: 'build',
    breakage: files(textFile('usr/local/include/node/node_api.h', '#error none\n')),
  },
];
