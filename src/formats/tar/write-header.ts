import { compareText } from '../../core/canonical-json.ts';
import { tarBlockBytes, type TarEntry } from './entry.ts';

const typeFlags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

/**
 * The header blocks of one entry: one ustar block (POSIX.1-1988), preceded by a pax extended header (POSIX.1-2001)
 * only when a value does not fit. Every field is stated: numeric owners only, empty owner names, device numbers (0 for all but devices),
 * magic `ustar\0` `00`. The result is a multiple of 512 bytes.
 */
export function writeTarHeader(entry: TarEntry): Buffer {
  const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  const pax = new Map<string, Buffer>();
  const split = splitName(name);
  if (!split) pax.set('path', Buffer.from(name));
  const link = entry.linkTarget ?? '';
  if (!fitsAscii(link, 100)) pax.set('linkpath', Buffer.from(link));
  if (!fitsOctal(entry.sizeBytes, 11)) pax.set('size', Buffer.from(String(entry.sizeBytes)));
  if (!fitsOctal(entry.uid, 7)) pax.set('uid', Buffer.from(String(entry.uid)));
  if (!fitsOctal(entry.gid, 7)) pax.set('gid', Buffer.from(String(entry.gid)));
  if (!fitsOctal(entry.mtime, 11)) pax.set('mtime', Buffer.from(String(entry.mtime)));
  for (const [key, value] of Object.entries(entry.xattrs ?? {})) pax.set(`SCHILY.xattr.${key}`, Buffer.from(value));
  const block = ustarBlock({
    name: split?.name ?? asciiStart(name, 100),
    prefix: split?.prefix ?? '',
    mode: entry.mode,
    uid: fitsOctal(entry.uid, 7) ? entry.uid : 0,
    gid: fitsOctal(entry.gid, 7) ? entry.gid : 0,
    size: fitsOctal(entry.sizeBytes, 11) ? entry.sizeBytes : 0,
    mtime: fitsOctal(entry.mtime, 11) ? entry.mtime : 0,
    type: typeFlags[entry.kind],
    link: fitsAscii(link, 100) ? link : asciiStart(link, 100),
    device: entry.device,
  });
  return pax.size === 0 ? block : Buffer.concat([paxBlocks(pax), block]);
}

/** Zero bytes that fill the last block of a content of `sizeBytes`. */
export function tarPadding(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

/** Two zero blocks end an archive; there is no padding to a larger record. */
export const tarTrailer: Buffer = Buffer.alloc(2 * tarBlockBytes);

function paxBlocks(records: ReadonlyMap<string, Buffer>): Buffer {
  const sorted = [...records].sort(([a], [b]) => compareText(a, b));
  const body = Buffer.concat(sorted.map(([key, value]) => paxRecord(key, value)));
  const header = ustarBlock({
    name: 'PaxHeaders/entry',
    prefix: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0,
    type: 'x',
    link: '',
  });
  return Buffer.concat([header, body, Buffer.alloc(tarPadding(body.length))]);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

interface UstarFields {
  readonly name: string;
  readonly prefix: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly type: string;
  readonly link: string;
  readonly device?: { readonly major: number; readonly minor: number };
}

function ustarBlock(fields: UstarFields): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  block.write(fields.name, 0, 100, 'utf8');
  writeOctal(block, fields.mode, 100, 8);
  writeOctal(block, fields.uid, 108, 8);
  writeOctal(block, fields.gid, 116, 8);
  writeOctal(block, fields.size, 124, 12);
  writeOctal(block, fields.mtime, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(fields.type, 156, 'latin1');
  block.write(fields.link, 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  writeOctal(block, fields.device?.major ?? 0, 329, 8);
  writeOctal(block, fields.device?.minor ?? 0, 337, 8);
  block.write(fields.prefix, 345, 155, 'utf8');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function writeOctal(block: Buffer, value: number, offset: number, width: number): void {
  block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1');
}

/** ustar joins `prefix/name`; the shortest possible prefix is chosen, so that there is one answer only. */
function splitName(path: string): { name: string; prefix: string } | undefined {
  if (fitsAscii(path, 100)) return { name: path, prefix: '' };
  for (let cut = path.indexOf('/'); cut > 0; cut = path.indexOf('/', cut + 1)) {
    const prefix = path.slice(0, cut);
    const name = path.slice(cut + 1);
    if (name.length > 0 && fitsAscii(name, 100) && fitsAscii(prefix, 155)) return { name, prefix };
  }
  return undefined;
}

function fitsAscii(text: string, width: number): boolean {
  // eslint-disable-next-line no-control-regex -- ustar names are 7-bit; everything else goes to pax as UTF-8
  return text.length <= width && /^[\x20-\x7e]*$/.test(text);
}

function asciiStart(text: string, width: number): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '_').slice(0, width);
}

function fitsOctal(value: number, digits: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 8 ** digits;
}
