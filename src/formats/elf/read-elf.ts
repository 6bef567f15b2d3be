import { Failure } from '../../core/errors.ts';

/** What the dynamic loader reads of a 64-bit little-endian ELF file. */
export interface ElfFile {
  readonly machine: 'x86_64' | 'aarch64' | 'other';
  readonly kind: 'executable' | 'shared' | 'other';
  readonly interpreter?: string;
  readonly soname?: string;
  readonly needed: readonly string[];
  /** Version nodes wanted from a library: `libc.so.6` to `GLIBC_2.28`, … */
  readonly versionNeeds: Readonly<Record<string, readonly string[]>>;
}

const machines: Readonly<Record<number, ElfFile['machine']>> = { 62: 'x86_64', 183: 'aarch64' };

/** Bytes that need not be in memory: a Node.js binary has over 100 MB, of which a few pages matter. */
export interface RandomAccess {
  readonly sizeBytes: number;
  /** Exactly `length` bytes. @throws RangeError beyond the end */
  slice(offset: number, length: number): Buffer;
}

export function accessBuffer(bytes: Buffer): RandomAccess {
  return {
    sizeBytes: bytes.length,
    slice(offset, length) {
      if (offset < 0 || offset + length > bytes.length) throw new RangeError('beyond the end');
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** Undefined when the bytes are no ELF file. Formats: System V ABI chapters 4 and 5, LSB 5 "Symbol Versioning". */
export function readElf(bytes: RandomAccess, name: string): ElfFile | undefined {
  if (bytes.sizeBytes < 64) return undefined;
  const start = bytes.slice(0, 6);
  if (start.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (start[4] !== 2 || start[5] !== 1) return { machine: 'other', kind: 'other', needed: [], versionNeeds: {} };
  try {
    return readElf64(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure('INTEGRITY', `${name} is a damaged ELF file`, { cause: error });
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
}

function readElf64(bytes: RandomAccess): ElfFile {
  const type = u16(bytes, 16);
  const segments = readSegments(bytes);
  const dynamic = segments.find((segment) => segment.type === 2);
  const interpreter = segments.find((segment) => segment.type === 3);
  const base = {
    machine: machines[u16(bytes, 18)] ?? ('other' as const),
    kind: type === 2 ? ('executable' as const) : type === 3 ? ('shared' as const) : ('other' as const),
    ...(interpreter ? { interpreter: textAt(bytes, interpreter.offset) } : {}),
  };
  if (!dynamic || type < 2 || type > 3) return { ...base, needed: [], versionNeeds: {} };
  const tags = readDynamic(bytes, dynamic);
  const strings = toOffset(segments, first(tags, 5) ?? 0);
  const soname = first(tags, 14);
  return {
    ...base,
    ...(soname === undefined ? {} : { soname: textAt(bytes, strings + soname) }),
    needed: (tags.get(1) ?? []).map((offset) => textAt(bytes, strings + offset)),
    versionNeeds: readVersionNeeds(bytes, { tags, segments, strings }),
  };
}

function readSegments(bytes: RandomAccess): Segment[] {
  const table = u64(bytes, 32);
  const size = u16(bytes, 54);
  return Array.from({ length: u16(bytes, 56) }, (_, index) => {
    const at = table + index * size;
    return {
      type: u32(bytes, at),
      offset: u64(bytes, at + 8),
      address: u64(bytes, at + 16),
      fileSize: u64(bytes, at + 32),
    };
  });
}

function readDynamic(bytes: RandomAccess, segment: Segment): Map<number, number[]> {
  const tags = new Map<number, number[]>();
  for (let at = segment.offset; at + 16 <= segment.offset + segment.fileSize; at += 16) {
    const tag = u64(bytes, at);
    if (tag === 0) break;
    const values = tags.get(tag) ?? [];
    values.push(u64(bytes, at + 8));
    tags.set(tag, values);
  }
  return tags;
}

interface DynamicView {
  readonly tags: ReadonlyMap<number, number[]>;
  readonly segments: readonly Segment[];
  readonly strings: number;
}

/** DT_VERNEED (0x6ffffffe) is a list of libraries, each with a list of version names. */
function readVersionNeeds(bytes: RandomAccess, { tags, segments, strings }: DynamicView): Record<string, string[]> {
  const needs: Record<string, string[]> = {};
  const start = first(tags, 0x6ffffffe);
  if (start === undefined) return needs;
  let at = toOffset(segments, start);
  for (let left = first(tags, 0x6fffffff) ?? 0; left > 0; left--) {
    const library = textAt(bytes, strings + u32(bytes, at + 4));
    const names: string[] = [];
    let aux = at + u32(bytes, at + 8);
    for (let count = u16(bytes, at + 2); count > 0; count--) {
      names.push(textAt(bytes, strings + u32(bytes, aux + 8)));
      aux += u32(bytes, aux + 12);
    }
    needs[library] = names.sort();
    const next = u32(bytes, at + 12);
    if (next === 0) break;
    at += next;
  }
  return needs;
}

function toOffset(segments: readonly Segment[], address: number): number {
  const load = segments.find(
    (segment) => segment.type === 1 && address >= segment.address && address < segment.address + segment.fileSize,
  );
  if (!load) throw new RangeError('address outside of every segment');
  return address - load.address + load.offset;
}

function first(tags: ReadonlyMap<number, number[]>, tag: number): number | undefined {
  return tags.get(tag)?.[0];
}

function textAt(bytes: RandomAccess, offset: number): string {
  for (let length = 64; ; length *= 2) {
    const window = bytes.slice(offset, Math.min(length, bytes.sizeBytes - offset));
    const end = window.indexOf(0);
    if (end >= 0) return window.toString('utf8', 0, end);
    if (window.length < length) throw new RangeError('text outside of the file');
  }
}

function u16(bytes: RandomAccess, at: number): number {
  return bytes.slice(at, 2).readUInt16LE();
}

function u32(bytes: RandomAccess, at: number): number {
  return bytes.slice(at, 4).readUInt32LE();
}

function u64(bytes: RandomAccess, at: number): number {
  return Number(bytes.slice(at, 8).readBigUInt64LE());
}
