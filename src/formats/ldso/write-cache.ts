/** One library as the dynamic loader finds it. */
export interface CachedLibrary {
  readonly soname: string;
  /** Absolute path, `/lib/x86_64-linux-gnu/libc.so.6`. */
  readonly path: string;
}

export interface LdsoCacheOptions {
  readonly architecture: 'amd64' | 'arm64';
  /** What ldconfig writes about itself: `ldconfig (Debian GLIBC 2.41-12) stable release version 2.41`. */
  readonly generator: string;
}

/** FLAG_ELF_LIBC6 and the architecture's bits, `sysdeps/generic/ldconfig.h` and its per-architecture copies. */
const flags = { amd64: 0x0303, arm64: 0x0a03 } as const;

const headerBytes = 48;
const entryBytes = 24;
const extensionMagic = 0xeaa42174;

/**
 * `/etc/ld.so.cache` in the format `glibc-ld.so.cache1.1` (glibc `dl-cache.h`), byte for byte as ldconfig of glibc
 * 2.36 and later writes it: entries in descending order, a string table with shared tails, and an extension that
 * names the generator.
 */
export function writeLdsoCache(libraries: readonly CachedLibrary[], options: LdsoCacheOptions): Buffer {
  const sorted = [...libraries].sort((a, b) => compareLibraryNames(b.soname, a.soname));
  const strings = buildStringTable(sorted.flatMap((library) => [library.soname, library.path]));
  const stringsAt = headerBytes + sorted.length * entryBytes;
  const extensionAt = Math.ceil((stringsAt + strings.bytes.length) / 4) * 4;
  const header = Buffer.alloc(headerBytes);
  header.write('glibc-ld.so.cache1.1', 0, 'latin1');
  header.writeUInt32LE(sorted.length, 20);
  header.writeUInt32LE(strings.bytes.length, 24);
  header[28] = 2;
  header.writeUInt32LE(extensionAt, 32);
  const entries = sorted.map((library) => {
    const entry = Buffer.alloc(entryBytes);
    entry.writeUInt32LE(flags[options.architecture], 0);
    entry.writeUInt32LE(stringsAt + strings.offsetOf(library.soname), 4);
    entry.writeUInt32LE(stringsAt + strings.offsetOf(library.path), 8);
    return entry;
  });
  const gap = Buffer.alloc(extensionAt - stringsAt - strings.bytes.length);
  return Buffer.concat([header, ...entries, strings.bytes, gap, writeExtension(options.generator, extensionAt)]);
}

/** One section, tag 0: the generator's name without a final NUL. */
function writeExtension(generator: string, extensionAt: number): Buffer {
  const text = Buffer.from(generator);
  const table = Buffer.alloc(24);
  table.writeUInt32LE(extensionMagic, 0);
  table.writeUInt32LE(1, 4);
  table.writeUInt32LE(0, 8);
  table.writeUInt32LE(0, 12);
  table.writeUInt32LE(extensionAt + table.length, 16);
  table.writeUInt32LE(text.length, 20);
  return Buffer.concat([table, text]);
}

/** Digits compare by value, a digit sorts after anything else: the loader's binary search relies on it. */
export function compareLibraryNames(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length) {
    const left = /^\d+/.exec(a.slice(i))?.[0];
    const right = /^\d+/.exec(b.slice(j))?.[0];
    if (left !== undefined && right !== undefined) {
      if (Number(left) !== Number(right)) return Number(left) - Number(right);
      i += left.length;
      j += right.length;
    } else if (left !== undefined) return 1;
    else if (right !== undefined) return -1;
    else {
      const difference = a.charCodeAt(i) - (j < b.length ? b.charCodeAt(j) : 0);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
  }
  return j < b.length ? -1 : 0;
}

/** Strings sorted downwards from their ends, so that each suffix can live in the tail of its predecessor. */
function buildStringTable(texts: readonly string[]) {
  const unique = [...new Set(texts)].sort(compareFromEnd);
  const offsets = new Map<string, number>();
  let length = 0;
  let previous = '';
  for (const text of unique) {
    const end = length - 1;
    if (previous.endsWith(text) && previous !== '') offsets.set(text, end - text.length);
    else {
      offsets.set(text, length);
      length += text.length + 1;
    }
    previous = text;
  }
  const bytes = Buffer.alloc(length);
  for (const [text, offset] of offsets) bytes.write(text, offset, 'latin1');
  return { bytes, offsetOf: (text: string) => offsets.get(text) ?? 0 };
}

function compareFromEnd(a: string, b: string): number {
  for (let back = 1; back <= Math.min(a.length, b.length); back++) {
    const difference = b.charCodeAt(b.length - back) - a.charCodeAt(a.length - back);
    if (difference !== 0) return difference;
  }
  return b.length - a.length;
}
