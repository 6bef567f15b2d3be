import semver from 'semver';
import { digestOf, type Digest } from '../../core/digest.ts';
import { capabilitiesOf, isInData, type Capability } from './capabilities.ts';

/** Names, separated by blanks, by the range of releases that have them. */
type Ranges = readonly (readonly [since: string, names: string])[];

/**
 * Modules that `require` takes without a switch, but for internal ones. Source, as of all of this file: read off the
 * binaries of every release that the npm registry lists; the check `builtin-modules` holds it to the binary.
 */
const moduleRanges: Ranges = [
  [
    '>=0.8',
    'assert buffer child_process cluster console constants crypto dgram dns domain events fs http https module net os path punycode querystring readline repl stream string_decoder sys timers tls tty url util vm zlib',
  ],
  ['>=0.11 <0.11.15', 'tracing'],
  ['>=0.11 <4', 'smalloc'],
  ['>=4', 'process v8'],
  ['>=8', 'async_hooks inspector'],
  ['^8.5.0 || >=9', 'perf_hooks'],
  ['^8.8.0 || >=9', 'http2'],
  ['>=10', 'trace_events'],
  ['>=10 <10.1.0 || >=14', 'fs/promises'],
  ['^11.7.0 || >=12', 'worker_threads'],
  ['>=13.4.0 <13.5.0 || ^18.17.0 || >=20', 'wasi'],
  ['^14.17.1 || ^15.1.0 || >=16', 'diagnostics_channel'],
  ['>=15', 'assert/strict dns/promises stream/promises timers/promises'],
  ['^15.3.0 || >=16', 'path/posix path/win32 util/types'],
  ['^16.5.0 || >=17', 'stream/web'],
  ['^16.7.0 || >=17', 'stream/consumers'],
  ['^16.17.0 || >=18', 'node:test'],
  ['>=17', 'readline/promises'],
  ['^18.17.0 || >=20', 'node:test/reporters'],
  ['>=19', 'inspector/promises'],
  ['^20.12.0 || ^21.7.0 || >=22', 'node:sea'],
  ['^22.13.0 || ^23.4.0 || >=24', 'node:sqlite'],
  ['>=26.9.0', 'node:ffi'],
];

/** Properties of the global object: what the language has, and what Node.js adds. */
const globalRanges: Ranges = [
  [
    '>=0.8',
    'Array ArrayBuffer Boolean Buffer DataView Date Error EvalError Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array JSON Math NaN Number Object RangeError ReferenceError RegExp String SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray clearInterval clearTimeout console decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval global isFinite isNaN parseFloat parseInt process setInterval setTimeout undefined unescape',
  ],
  ['>=0.8 <14', 'GLOBAL root'],
  ['>=0.10', 'clearImmediate setImmediate'],
  ['>=0.11', 'Promise WeakMap WeakSet'],
  ['~0.11.15 || >=0.12', 'Intl Map Set Symbol'],
  ['>=6', 'Proxy Reflect'],
  ['>=8', 'WebAssembly'],
  ['^8.10.0 || >=9', 'Atomics SharedArrayBuffer'],
  ['>=10', 'URL URLSearchParams'],
  ['^10.4.0 || >=11', 'BigInt BigInt64Array BigUint64Array'],
  ['>=11', 'TextDecoder TextEncoder queueMicrotask'],
  ['>=12', 'globalThis'],
  ['^14.6.0 || >=15', 'FinalizationRegistry WeakRef'],
  ['>=15', 'AbortController AbortSignal AggregateError Event EventTarget MessageChannel MessageEvent MessagePort'],
  ['>=16', 'atob btoa performance'],
  ['>=17', 'DOMException structuredClone'],
  [
    '>=18',
    'Blob BroadcastChannel ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy DecompressionStream FormData Headers ReadableByteStreamController ReadableStream ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader Request Response TextDecoderStream TextEncoderStream TransformStream TransformStreamDefaultController WritableStream WritableStreamDefaultController WritableStreamDefaultWriter fetch',
  ],
  ['^18.8.0 || >=19', 'Performance'],
  [
    '>=19',
    'Crypto CryptoKey CustomEvent PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList PerformanceResourceTiming SubtleCrypto crypto',
  ],
  ['>=20', 'File'],
  ['>=21', 'Navigator navigator'],
  ['>=22', 'Iterator WebSocket'],
  ['>=23', 'CloseEvent'],
  ['>=24', 'AsyncDisposableStack DisposableStack Float16Array SuppressedError URLPattern'],
  ['>=25', 'ErrorEvent Storage localStorage sessionStorage'],
  ['>=26', 'QuotaExceededError Temporal'],
];

/** What configurations of a build leave out, by the capability that tells of it. */
const optional: readonly (readonly [Capability, readonly string[]])[] = [
  ['inspector', ['inspector', 'inspector/promises']],
  ['sqlite', ['node:sqlite']],
];

export interface Names {
  readonly modules: readonly string[];
  readonly globals: readonly string[];
}

export interface BuiltIns {
  readonly has: Names;
  /** What other releases have; for a release that the data does not speak of only what it was found to lack. */
  readonly lacks: Names;
}

const none: Names = { modules: [], globals: [] };

/** Identity of what the data says of all releases. */
export const builtInsDigest: Digest = digestOf(Buffer.from(JSON.stringify([moduleRanges, globalRanges, optional])));

/**
 * Modules and globals of a release, by its version and what it can do.
 * @param missing what a binary that the data does not speak of was found to lack of what its line has
 */
export function builtInsOf(release: string, capabilities: ReadonlySet<string>, missing: Names = none): BuiltIns {
  const left = new Set(optional.flatMap(([name, modules]) => (capabilities.has(name) ? [] : modules)));
  const modules = split(moduleRanges, release);
  const globals = split(globalRanges, release);
  // A build without ICU has no Intl at all; one with a small ICU has it, as old releases do.
  const hasOwnIntl = capabilities.has('full-icu') || !capabilitiesOf(release).has('full-icu');
  return {
    has: {
      modules: modules.has.filter((name) => !left.has(name) && !missing.modules.includes(name)),
      globals: globals.has.filter((name) => (name !== 'Intl' || hasOwnIntl) && !missing.globals.includes(name)),
    },
    lacks: isInData(release)
      ? {
          modules: [...modules.lacks, ...missing.modules].sort(),
          globals: [...globals.lacks, ...missing.globals].sort(),
        }
      : missing,
  };
}

function split(ranges: Ranges, release: string): { readonly has: string[]; readonly lacks: string[] } {
  const namesOf = (isIn: boolean): string[] =>
    ranges.flatMap(([since, names]) => (semver.satisfies(release, since) === isIn ? names.split(' ') : [])).sort();
  return { has: namesOf(true), lacks: namesOf(false) };
}
