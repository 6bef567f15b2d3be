import { patched, type BrokenImage } from './break-image.ts';

/** What Node.js itself does: code that runs before everything makes it wrong, or what is expected of it is. */
export const brokenNode: readonly BrokenImage[] = [
  {
    ids: ['tls-store/extra'],
    what: 'extra authorities that are not honoured',
    breakage: patched(
      "const tls = require('tls'); const { connect } = tls; tls.connect = (options, ...more) => connect({ ...options, ca: [] }, ...more)",
    ),
  },
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
    ids: ['fork-storm'],
    what: 'a crash where an error belongs',
    breakage: patched("require('child_process').spawn = () => process.abort()"),
  },
  {
    ids: ['read-only-root'],
    what: 'a start that writes',
    breakage: patched("require('fs').writeFileSync('/app/started', '')"),
  },
];
