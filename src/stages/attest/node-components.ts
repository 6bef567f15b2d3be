import { parseJson } from '../../core/json.ts';
import { packageUrl } from '../../formats/purl/package-url.ts';
import { licenseName } from '../../formats/sbom/licenses.ts';
import type { SbomComponent } from '../../formats/sbom/model.ts';
import type { FoundComponent } from './debian-components.ts';
import type { ImageInventory } from './image-inventory.ts';

const nodeBinary = 'usr/local/bin/node';

/** Numbers of interfaces in `process.versions`: nothing that is built in. */
const interfaces = new Set(['node', 'modules', 'napi', 'unicode', 'cldr', 'tz']);
/** Vendor and product of the libraries in the binary, as the NVD names them. */
const products: Readonly<Record<string, readonly [vendor: string, product: string]>> = {
  v8: ['google', 'v8'],
  openssl: ['openssl', 'openssl'],
  uv: ['libuv', 'libuv'],
  zlib: ['zlib', 'zlib'],
  ares: ['c-ares', 'c-ares'],
  nghttp2: ['nghttp2', 'nghttp2'],
  nghttp3: ['nghttp2', 'nghttp3'],
  brotli: ['google', 'brotli'],
  sqlite: ['sqlite', 'sqlite'],
  icu: ['icu-project', 'international_components_for_unicode'],
  zstd: ['facebook', 'zstandard'],
};
const npmNames: Readonly<Record<string, string>> = {
  undici: 'undici',
  acorn: 'acorn',
  llhttp: 'llhttp',
  cjs_module_lexer: 'cjs-module-lexer',
  amaro: 'amaro',
  minimatch: 'minimatch',
};

export interface NodeFacts {
  readonly release: string;
  /** `process.versions` of this binary. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Node.js with what is built into its binary. There is no package URL type for it: `pkg:npm/node` is another package. */
export function nodeComponents(image: ImageInventory, { release, versions }: NodeFacts): FoundComponent[] {
  const path = image.files.has(nodeBinary)
    ? nodeBinary
    : [...image.files.keys()].find((file) => /(?:^|\/)bin\/node$/.test(file));
  const binary = path === undefined ? undefined : image.files.get(path);
  if (binary === undefined) return [];
  const version = versions['node'] ?? release;
  const ref = packageUrl({ type: 'generic', name: 'node', version, qualifiers: { checksum: binary } });
  const node: SbomComponent = {
    kind: 'node',
    ref,
    name: 'node',
    version,
    purl: ref,
    cpe: `cpe:2.3:a:nodejs:node.js:${cpeText(version)}:*:*:*:*:*:*:*`,
    licenses: ['MIT'],
    supplier: 'OpenJS Foundation',
    sha256: binary.slice('sha256:'.length),
  };
  const nested = Object.entries(versions)
    .filter(([name, text]) => !interfaces.has(name) && text !== '')
    .map(([name, text]): FoundComponent => ({ component: nestedComponent(name, text, ref), paths: [] }));
  const paths = [...image.files.keys()].filter(
    (file) => file === path || /^usr\/local\/(?:share\/doc\/node|share\/man|include\/node)\//.test(file),
  );
  return [{ component: node, paths }, ...nested];
}

function nestedComponent(name: string, text: string, partOf: string): SbomComponent {
  // V8 adds what Node.js changed: `13.6.233.17-node.40`.
  const version = text.replace(/-node\.\d+$/, '');
  const npm = npmNames[name];
  const product = products[name];
  const purl =
    npm === undefined
      ? packageUrl({ type: 'generic', name, version: text })
      : packageUrl({ type: 'npm', name: npm, version: text });
  return {
    kind: 'nested',
    ref: `${partOf}#${name}`,
    name,
    version: text,
    purl,
    ...(product ? { cpe: `cpe:2.3:a:${product[0]}:${product[1]}:${cpeText(version)}:*:*:*:*:*:*:*` } : {}),
    licenses: [],
    partOf,
  };
}

/** Special characters of a formatted string are escaped (NISTIR 7695, 6.2). */
function cpeText(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9._-]/g, (char) => `\\${char}`);
}

interface PackageJson {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly license?: unknown;
}

/** Every npm package that is installed anywhere in the image: npm's own tree, corepack, and what others brought. */
export function npmComponents(image: ImageInventory): FoundComponent[] {
  const found: FoundComponent[] = [];
  const roots = [...image.files.keys()].filter((path) =>
    /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+\/package\.json$/.test(path),
  );
  for (const path of roots) {
    const folder = path.slice(0, -'package.json'.length);
    const manifest = parseManifest(image.readText(path));
    const { name, version, license } = manifest;
    if (typeof name !== 'string' || typeof version !== 'string') continue;
    const [scope, plain] = name.startsWith('@') ? name.split('/') : [undefined, name];
    const purl = packageUrl({ type: 'npm', namespace: scope, name: plain ?? name, version });
    found.push({
      component: {
        kind: 'npm',
        // The same package may be there several times.
        ref: `${purl}#/${folder.slice(0, -1)}`,
        name,
        version,
        purl,
        licenses: typeof license === 'string' ? splitLicenses(license) : [],
      },
      paths: [...image.files.keys()].filter((file) => file.startsWith(folder)),
    });
  }
  // Inside out: a file belongs to the innermost package that it lies in.
  return found.sort((a, b) => b.component.ref.length - a.component.ref.length);
}

function splitLicenses(text: string): string[] {
  const names = text.replaceAll(/[()]/g, '').split(/\s+(?:AND|OR)\s+/i);
  return [...new Set(names.map(licenseName))].sort();
}

function parseManifest(text: string | undefined): PackageJson {
  try {
    const value: unknown = parseJson(text ?? '{}');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
