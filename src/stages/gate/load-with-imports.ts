import { readFileSync } from 'node:fs';
import { isBuiltin, registerHooks, type LoadHookSync, type ResolveHookSync } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';

/** What computes and does nothing else. */
const pure: ReadonlySet<string> = new Set(
  [
    'assert',
    'assert/strict',
    'buffer',
    'crypto',
    'path',
    'path/posix',
    'punycode',
    'querystring',
    'string_decoder',
    'url',
    'util',
  ].flatMap((name) => [name, `node:${name}`]),
);

export interface LoadedClosure {
  readonly exports: Readonly<Record<string, unknown>>;
  /** Over the module and everything that it imports, as it was loaded, by path. */
  readonly digest: Digest;
  /** Absolute paths of all of them. */
  readonly files: readonly string[];
}

const mark = 'nodeworthy-closure';

interface Loading {
  readonly files: Map<string, { readonly bytes: Buffer; readonly digest: Digest }>;
  isOver: boolean;
}

/** Each loading is one of its own: what was loaded before would be given again without being looked at. */
const loadings: Loading[] = [];
let watches = false;

/**
 * Loads a module with all that it imports, and digests exactly the bytes that are used: a helper that is changed later
 * is another closure, in this process as well. What it may import besides its own files computes and does nothing else,
 * because whatever it read would be in no digest; and for the same reason all of it is an ES module, that imports at
 * its start.
 * @throws Error of the loader; of a module that imports something of the machine
 */
export async function loadClosure(path: string, folder: string): Promise<LoadedClosure> {
  if (!watches) registerHooks({ resolve, load });
  watches = true;
  const loading: Loading = { files: new Map(), isOver: false };
  loadings.push(loading);
  try {
    const exports = (await import(take(path, loadings.length - 1))) as Record<string, unknown>;
    const list = [...loading.files].map(([file, { digest }]) => [relative(folder, file), digest] as const);
    const sorted = list.sort(([a], [b]) => compareText(a, b));
    return { exports, digest: digestOf(canonicalJson(sorted)), files: [...loading.files.keys()] };
  } finally {
    loading.isOver = true;
  }
}

/** Reads a file once for a loading. @returns the address under which it is loaded */
function take(file: string, number: number): string {
  const { files } = loadings[number] ?? { files: new Map() };
  const bytes: Buffer = files.get(file)?.bytes ?? readFileSync(file);
  files.set(file, { bytes, digest: files.get(file)?.digest ?? digestOf(bytes) });
  if (/\b(?:getBuiltinModule|process\.binding|process\.dlopen)\b/.test(bytes.toString('latin1')))
    throw new Error(`${file} reaches for what belongs to the machine: ${rule}`);
  return `${pathToFileURL(file).href}?${mark}=${number}`;
}

const rule = 'a gate decides on its input alone';

function numberOf(url: string | undefined): number | undefined {
  const [, number] = new RegExp(`[?]${mark}=(\\d+)$`).exec(url ?? '') ?? [];
  return number === undefined ? undefined : Number(number);
}

const resolve: ResolveHookSync = (specifier, context, next) => {
  const number = numberOf(context.parentURL);
  if (number === undefined) return next(specifier, context);
  const refuse = (why: string): Error => new Error(`${shown(context.parentURL)} imports ${specifier}${why}: ${rule}`);
  // Hooks stay for as long as the process: an import that comes late would be in no digest.
  if (loadings[number]?.isOver) throw refuse(' when it is asked, and not at its start');
  if (isBuiltin(specifier)) {
    if (pure.has(specifier)) return next(specifier, context);
    throw refuse('');
  }
  const found = next(specifier, context);
  if (!found.url.startsWith('file:')) throw refuse(', which is no file');
  return numberOf(found.url) === number ? found : { ...found, url: take(fileURLToPath(found.url), number) };
};

const load: LoadHookSync = (url, context, next) => {
  const number = numberOf(url);
  const known = number === undefined ? undefined : loadings[number]?.files.get(fileURLToPath(url));
  if (!known) return next(url, context);
  const loaded = next(url, context);
  // What CommonJS requires is looked up in ways that no hook sees.
  if (loaded.format?.startsWith('commonjs'))
    throw new Error(`${fileURLToPath(url)} is CommonJS: ${rule}, and is made of ES modules; bundle it into one`);
  // Not what lies there now, but what was digested.
  return { ...loaded, source: known.bytes };
};

function shown(url: string | undefined): string {
  return url === undefined ? 'a gate' : fileURLToPath(url);
}
