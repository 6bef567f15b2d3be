import { Failure } from '../../core/errors.ts';
import { tarBlockBytes, type DeviceKind, type TarEntry } from './entry.ts';
import { tarPadding } from './write-header.ts';
import { normaliseArchivePath } from './path.ts';

export interface TarLimits {
  /** Names the archive in messages. */
  readonly name: string;
  readonly maxEntries: number;
  readonly maxTotalBytes: number;
  /**
   * A layer that somebody else made: device nodes, repeated entries (the last one counts), a leading slash and a missing
   * end, which other tools write and engines accept. Nothing that leads out of the archive.
   */
  readonly foreign?: boolean;
}

/** An entry and its content. The content must be read, or is skipped, before the next entry is asked for. */
export interface TarMember {
  readonly entry: TarEntry;
  content(): AsyncGenerator<Buffer>;
}

/** Device nodes and fifos are refused but in images of others: no input of ours has a reason to hold one. */
const deviceKinds: Readonly<Record<string, DeviceKind>> = { '3': 'character', '4': 'block', '6': 'fifo' };
const kinds: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

/**
 * Reads ustar, pax and GNU archives (long names, base-256 numbers) as a stream, as they come from Debian and npm.
 * @throws Failure ARCHIVE_HOSTILE for a path that escapes, a device node, a duplicate, a sparse file, or more bytes
 * or entries than the limits allow; INTEGRITY when the archive ends early or a checksum is wrong.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, limits: TarLimits): AsyncGenerator<TarMember> {
  const reader = new BlockReader(chunks, limits);
  const seen = new Set<string>();
  let overrides = new Map<string, Buffer>();
  let globals = new Map<string, Buffer>();
  for (;;) {
    const header = await reader.take(tarBlockBytes);
    if (header === undefined || header.every((byte) => byte === 0)) return;
    verifyChecksum(header, limits);
    const type = header.toString('latin1', 156, 157);
    const rawSize = readNumber(header, 124, 12, limits);
    if (type === 'x' || type === 'g') {
      const records = parsePax(await reader.takeContent(rawSize), limits);
      if (type === 'g') globals = new Map([...globals, ...records]);
      else overrides = new Map([...overrides, ...records]);
      continue;
    }
    if (type === 'L' || type === 'K') {
      const value = await reader.takeContent(rawSize);
      overrides.set(type === 'L' ? 'path' : 'linkpath', value.subarray(0, endOfText(value)));
      continue;
    }
    const entry = toEntry(header, type, { records: new Map([...globals, ...overrides]), rawSize, limits });
    overrides = new Map();
    if (entry === undefined) continue;
    if (seen.has(entry.path) && !limits.foreign) throw hostile(limits, `${entry.path} is in the archive twice`);
    seen.add(entry.path);
    if (seen.size > limits.maxEntries) throw hostile(limits, `more than ${limits.maxEntries} entries`);
    let taken = false;
    const content = async function* (): AsyncGenerator<Buffer> {
      taken = true;
      yield* reader.stream(entry.sizeBytes);
      await reader.skip(tarPadding(entry.sizeBytes), limits.foreign);
    };
    yield { entry, content };
    if (taken) continue;
    await reader.skip(entry.sizeBytes);
    await reader.skip(tarPadding(entry.sizeBytes), limits.foreign);
  }
}

interface HeaderInput {
  readonly records: ReadonlyMap<string, Buffer>;
  readonly rawSize: number;
  readonly limits: TarLimits;
}

function toEntry(header: Buffer, type: string, { records, rawSize, limits }: HeaderInput): TarEntry | undefined {
  const kind = kinds[type] ?? (limits.foreign ? deviceKinds[type] : undefined);
  const magic = header.toString('latin1', 257, 263);
  const prefix = magic === 'ustar\0' ? readText(header, 345, 155) : '';
  const plain = readText(header, 0, 100);
  const rawPath = records.get('path')?.toString('utf8') ?? (prefix ? `${prefix}/${plain}` : plain);
  if (kind === undefined)
    throw hostile(limits, `${rawPath} is a device, fifo or unknown entry (type ${JSON.stringify(type)})`);
  for (const key of records.keys())
    if (key.startsWith('GNU.sparse')) throw hostile(limits, `${rawPath} is a sparse file`);
  const path = normaliseArchivePath(limits.foreign ? rawPath.replace(/^\/+/, '') : rawPath);
  if (path === undefined) throw hostile(limits, `${JSON.stringify(rawPath)} leads out of the archive`);
  if (path === '') return undefined;
  const isDirectory = kind === 'directory' || (kind === 'file' && rawPath.endsWith('/'));
  const linkTarget = records.get('linkpath')?.toString('utf8') ?? readText(header, 157, 100);
  const size = records.has('size') ? decimal(records.get('size'), limits) : rawSize;
  const base = {
    path,
    mode: readNumber(header, 100, 8, limits) & 0o7777,
    uid: records.has('uid') ? decimal(records.get('uid'), limits) : readNumber(header, 108, 8, limits),
    gid: records.has('gid') ? decimal(records.get('gid'), limits) : readNumber(header, 116, 8, limits),
    mtime: records.has('mtime')
      ? Math.floor(Number(records.get('mtime')?.toString('latin1')))
      : readNumber(header, 136, 12, limits),
  };
  const xattrs = readXattrs(records);
  if (isDirectory) return { ...base, kind: 'directory', sizeBytes: 0, ...(xattrs ? { xattrs } : {}) };
  if (kind === 'symlink') return { ...base, kind, sizeBytes: 0, linkTarget };
  if (kind === 'hardlink') {
    const target = normaliseArchivePath(limits.foreign ? linkTarget.replace(/^\/+/, '') : linkTarget);
    if (!target) throw hostile(limits, `${path} is a hard link to ${JSON.stringify(linkTarget)}, outside the archive`);
    return { ...base, kind, sizeBytes: 0, linkTarget: target };
  }
  if (kind !== 'file') {
    const device = { major: readNumber(header, 329, 8, limits), minor: readNumber(header, 337, 8, limits) };
    return { ...base, kind, sizeBytes: 0, device };
  }
  return { ...base, kind: 'file', sizeBytes: size, ...(xattrs ? { xattrs } : {}) };
}

function readXattrs(records: ReadonlyMap<string, Buffer>): Record<string, Uint8Array> | undefined {
  const found = [...records].filter(([key]) => key.startsWith('SCHILY.xattr.'));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([key, value]) => [key.slice('SCHILY.xattr.'.length), value]));
}

function parsePax(body: Buffer, limits: TarLimits): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.toString('latin1', at, space));
    const equals = body.indexOf(0x3d, space);
    if (!Number.isInteger(length) || length <= 0 || at + length > body.length || equals < 0 || equals >= at + length) {
      throw new Failure('INTEGRITY', `${limits.name}: a pax header is malformed`);
    }
    records.set(body.toString('utf8', space + 1, equals), body.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

function verifyChecksum(header: Buffer, limits: TarLimits): void {
  let sum = 0;
  for (let index = 0; index < tarBlockBytes; index++) sum += index >= 148 && index < 156 ? 0x20 : (header[index] ?? 0);
  if (sum !== readNumber(header, 148, 8, limits)) {
    throw new Failure('INTEGRITY', `${limits.name}: a tar header has a wrong checksum`, {
      hint: 'the archive is damaged, or it is no tar archive',
    });
  }
}

function readNumber(header: Buffer, offset: number, width: number, limits: TarLimits): number {
  const first = header[offset] ?? 0;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (let index = 1; index < width; index++) value = value * 256 + (header[offset + index] ?? 0);
    if (!Number.isSafeInteger(value)) throw hostile(limits, 'a number in a tar header is too large');
    return value;
  }
  const text = header
    .toString('latin1', offset, offset + width)
    .replaceAll('\0', ' ')
    .trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text))
    throw new Failure('INTEGRITY', `${limits.name}: ${JSON.stringify(text)} in a tar header is no octal number`);
  return Number.parseInt(text, 8);
}

function decimal(value: Buffer | undefined, limits: TarLimits): number {
  const number = Number(value?.toString('latin1'));
  if (!Number.isSafeInteger(number) || number < 0) throw hostile(limits, 'a number in a pax header is out of range');
  return number;
}

function readText(header: Buffer, offset: number, width: number): string {
  const field = header.subarray(offset, offset + width);
  return field.toString('utf8', 0, endOfText(field));
}

function endOfText(bytes: Buffer): number {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes.length : end;
}

function hostile(limits: TarLimits, what: string): Failure {
  return new Failure('ARCHIVE_HOSTILE', `${limits.name}: ${what}`, {
    hint: 'the archive was not used; ask whoever made it',
  });
}

/** Cuts a stream of chunks into what is asked for, and counts against the limit. */
class BlockReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #limits: TarLimits;
  #current: Buffer = Buffer.alloc(0);
  #total = 0;

  constructor(chunks: AsyncIterable<Uint8Array>, limits: TarLimits) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#limits = limits;
  }

  async take(length: number): Promise<Buffer | undefined> {
    if (this.#current.length === 0 && !(await this.#pull())) return undefined;
    const parts: Buffer[] = [];
    for await (const part of this.stream(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  async takeContent(length: number): Promise<Buffer> {
    if (length > 1 << 20) throw hostile(this.#limits, 'an extended header is larger than 1 MiB');
    const value = (await this.take(length)) ?? Buffer.alloc(0);
    await this.skip(tarPadding(length));
    return value;
  }

  async *stream(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      if (this.#current.length === 0 && !(await this.#pull())) {
        throw new Failure('INTEGRITY', `${this.#limits.name}: the archive ends in the middle of an entry`, {
          hint: 'it was cut short; fetch it again',
        });
      }
      const part = this.#current.subarray(0, Math.min(left, this.#current.length));
      this.#current = this.#current.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** @param isLenient some tools leave out the padding of the last entry, and what should follow it */
  async skip(length: number, isLenient = false): Promise<void> {
    if (isLenient && this.#current.length === 0 && !(await this.#pull())) return;
    for await (const part of this.stream(length)) void part;
  }

  async #pull(): Promise<boolean> {
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done) return false;
      this.#total += next.value.length;
      if (this.#total > this.#limits.maxTotalBytes) {
        throw hostile(this.#limits, `unpacks to more than ${this.#limits.maxTotalBytes} bytes`);
      }
      if (next.value.length === 0) continue;
      this.#current = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      return true;
    }
  }
}
