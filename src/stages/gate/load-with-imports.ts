import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin, registerHooks } from 'node:module';
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

const commonJs = createRequire(import.meta.url);
const mark = 'nodeworthy-closure';
/** Each loading is one of its own: what was loaded before would be given again without being looked at. */
let loads = 0;

/**
 * Loads a module with all that it imports, and digests exactly the bytes that are used: a helper that is changed later
 * is another closure, in this process as well. What it may import besides its own files computes and does nothing else,
 * because whatever it read would be in no digest.
 * @throws Error of the loader; of a module that imports something of the machine
 */
export async function loadClosure(path: string, folder: string): Promise<LoadedClosure> {
  const load = ++loads;
  const files = new Map<string, { readonly bytes: Buffer; readonly digest: Digest }>();
  function take(file: string): string {
    const known = files.get(file);
    const bytes = known?.bytes ?? readFileSync(file);
    const digest = known?.digest ?? digestOf(bytes);
    files.set(file, { bytes, digest });
    // CommonJS is remembered by its file, whatever the address says.
    delete commonJs.cache[file];
    if (/\b(?:getBuiltinModule|process\.binding|process\.dlopen)\b/.test(bytes.toString('latin1')))
      throw new Error(`${file} reaches for what belongs to the machine: a gate decides on its input alone`);
    return `${pathToFileURL(file).href}?${mark}=${load}`;
  }
  const isOurs = (url: string | undefined): boolean => url?.includes(`?${mark}=`) ?? false;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (!isOurs(context.parentURL)) return next(specifier, context);
      if (isBuiltin(specifier)) {
        if (pure.has(specifier)) return next(specifier, context);
        throw new Error(`${shown(context.parentURL)} imports ${specifier}: a gate decides on its input alone`);
      }
      const found = next(specifier, context);
      return found.url.startsWith('file:') && !isOurs(found.url)
        ? { ...found, url: take(fileURLToPath(found.url)) }
        : found;
    },
    load(url, context, next) {
      const known = isOurs(url) ? files.get(fileURLToPath(url)) : undefined;
      const loaded = next(url, context);
      // Not what lies there now, but what was digested.
      return known ? { ...loaded, source: known.bytes } : loaded;
    },
  });
  try {
    const exports = (await import(take(path))) as Record<string, unknown>;
    const list = [...files].map(([file, { digest }]) => [relative(folder, file), digest] as const);
    const sorted = list.sort(([a], [b]) => compareText(a, b));
    return { exports, digest: digestOf(canonicalJson(sorted)), files: [...files.keys()] };
  } finally {
    hooks.deregister();
  }
}

function shown(url: string | undefined): string {
  return url === undefined ? 'a gate' : fileURLToPath(url);
}
