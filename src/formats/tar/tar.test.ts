import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../tests/support/workspace.ts';
import type { TarEntry } from './entry.ts';
import { readTar, type TarLimits } from './read-tar.ts';
import { tarPadding, tarTrailer, writeTarHeader } from './write-header.ts';

const limits: TarLimits = { name: 'test.tar', maxEntries: 1000, maxTotalBytes: 10 << 20 };
const entry = (more: Partial<TarEntry> & { path: string }): TarEntry => ({
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  sizeBytes: 0,
  ...more,
});

function archive(entries: readonly (readonly [TarEntry, string?])[]): Buffer {
  const parts = entries.flatMap(([head, text = '']) => [
    writeTarHeader(head),
    Buffer.from(text),
    Buffer.alloc(tarPadding(Buffer.byteLength(text))),
  ]);
  return Buffer.concat([...parts, tarTrailer]);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(bytes: Buffer, options: Partial<TarLimits> = {}, chunk = 700) {
  const found: (TarEntry & { text: string })[] = [];
  for await (const member of readTar(inChunks(bytes, chunk), { ...limits, ...options })) {
    let text = '';
    for await (const part of member.content()) text += part.toString();
    found.push({ ...member.entry, text });
  }
  return found;
}

const longName = `${'folder/'.repeat(30)}${'n'.repeat(120)}`;
const sample: readonly (readonly [TarEntry, string?])[] = [
  [entry({ path: 'a', kind: 'directory', mode: 0o1777 })],
  [entry({ path: 'a/file', sizeBytes: 5, mode: 0o4755, uid: 1000, gid: 50, mtime: 1_700_000_000 }), 'hello'],
  [entry({ path: 'a/link', kind: 'symlink', mode: 0o777, linkTarget: '../file' })],
  [entry({ path: 'a/same', kind: 'hardlink', linkTarget: 'a/file' })],
  [entry({ path: longName, sizeBytes: 1 }), 'x'],
  [entry({ path: 'ünï', sizeBytes: 1 }), 'y'],
  [entry({ path: 'big-owner', uid: 3_000_000, gid: 4_000_000 })],
  [entry({ path: 'capable', xattrs: { 'security.capability': Buffer.from([1, 0, 0, 2]) } })],
];

describe('tar', () => {
  it('reads what it wrote, whatever the chunks', async () => {
    for (const chunk of [1, 511, 512, 100_000]) {
      const read = await readAll(archive(sample), {}, chunk);
      expect(read.map(({ text, ...head }) => [head, text])).toEqual(sample.map(([head, text = '']) => [head, text]));
    }
  });

  it('is read by GNU tar with every field as stated', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'x.tar'), archive(sample));
    const listing = execFileSync('tar', ['--numeric-owner', '--utc', '--full-time', '-tvf', join(folder, 'x.tar')], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    expect(listing).toContain('drwxrwxrwt 0/0');
    expect(listing).toContain('-rwsr-xr-x 1000/50');
    expect(listing).toContain('2023-11-14 22:13:20 a/file');
    expect(listing).toContain('a/link -> ../file');
    expect(listing).toContain('a/same link to a/file');
    expect(listing).toContain(longName);
    expect(listing).toContain('3000000/4000000');
  });

  it.each(['gnu', 'posix', 'ustar', 'v7'])('reads archives of GNU tar in %s format', async (format) => {
    const folder = await temporaryFolder();
    const deep =
      format === 'gnu' || format === 'posix' ? `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}` : 'd/e';
    await mkdir(join(folder, 'in', deep), { recursive: true });
    await writeFile(join(folder, 'in', deep, 'file'), 'content');
    execFileSync('tar', [`--format=${format}`, '-cf', join(folder, 'x.tar'), '-C', join(folder, 'in'), '.']);
    const { readFile } = await import('node:fs/promises');
    const read = await readAll(await readFile(join(folder, 'x.tar')));
    expect(read.find((item) => item.kind === 'file')).toMatchObject({ path: `${deep}/file`, text: 'content' });
  });

  it('says nothing twice: same entries, same bytes; no clock and no owner names', () => {
    expect(archive(sample).equals(archive(sample))).toBe(true);
    expect(archive(sample).toString('latin1', 265, 329).replaceAll('\0', '')).toBe('');
  });

  const device = writeTarHeader(entry({ path: 'dev' }));
  device.write('3', 156, 'latin1');
  fixChecksum(device);
  it.each<[string, Buffer, Partial<TarLimits>]>([
    ['a path that climbs out', archive([[entry({ path: '../x' })]]), {}],
    ['an absolute path', archive([[entry({ path: '/etc/x' })]]), {}],
    ['a hard link to the outside', archive([[entry({ path: 'x', kind: 'hardlink', linkTarget: '/etc/passwd' })]]), {}],
    ['a device node', Buffer.concat([device, tarTrailer]), {}],
    ['a duplicate entry', archive([[entry({ path: 'x' })], [entry({ path: './x' })]]), {}],
    ['too many entries', archive([[entry({ path: 'x' })], [entry({ path: 'y' })]]), { maxEntries: 1 }],
    ['a bomb', archive([[entry({ path: 'x', sizeBytes: 3000 }), '0'.repeat(3000)]]), { maxTotalBytes: 2000 }],
  ])('refuses %s', async (_, bytes, options) => {
    await expect(readAll(bytes, options)).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE' });
  });

  it.each<[string, Buffer]>([
    [
      'an archive that ends early',
      archive([[entry({ path: 'x', sizeBytes: 3000 }), '0'.repeat(3000)]]).subarray(0, 1024),
    ],
    ['something that is no archive', Buffer.from('<html>'.repeat(200))],
  ])('notices %s', async (_, bytes) => {
    await expect(readAll(bytes)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });
});

function fixChecksum(block: Buffer): void {
  block.write('        ', 148, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
