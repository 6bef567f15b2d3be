import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { readElf, type ElfFile, type RandomAccess } from '../../../../formats/elf/read-elf.ts';
import { baseName } from '../../../../formats/tar/path.ts';
import { readImageConfig, readManifest } from '../../../../store/manifest.ts';
import type { TreeEntry } from '../../../../trees/image-tree.ts';
import { unpackImage } from '../../../../trees/unpack-image.ts';
import type { TestTarget } from '../../suite.ts';

/** Folders with programs of other machines and C libraries, which nothing here starts. */
const foreign = /^usr\/(?:lib\/(?:debug|gcc-cross)|libx?32|share)\//;

/**
 * Programs and libraries that want a library which is nowhere in the image. Where a library is looked for is the
 * loader's business and is tested by starting programs; one that is missing altogether is found here, for all of them.
 */
export async function findMissingLibraries(
  { store, subject }: TestTarget,
  entries: readonly TreeEntry[],
): Promise<string[]> {
  const manifest = await readManifest(store, subject);
  const config = await readImageConfig(store, manifest);
  const folders = await unpackImage(store, { digest: subject, manifest, config });
  const names = new Set(entries.map(({ path }) => baseName(path)));
  const problems: string[] = [];
  for (const { path, node } of entries) {
    const isCandidate = node.kind === 'file' && ((node.mode & 0o111) !== 0 || /\.so(?:\.|$)|\.node$/.test(path));
    if (!isCandidate || foreign.test(path)) continue;
    const elf = await readElfIn(folders, path);
    for (const library of elf?.needed ?? [])
      if (!names.has(baseName(library))) problems.push(`/${path} needs ${library}, which is not in the image`);
    if (elf?.interpreter && !names.has(baseName(elf.interpreter)))
      problems.push(`/${path} is started by ${elf.interpreter}, which is not in the image`);
  }
  return problems;
}

async function readElfIn(folders: readonly string[], path: string): Promise<ElfFile | undefined> {
  for (const folder of [...folders].reverse()) {
    const file = join(folder, path);
    if (!(await lstat(file).catch(() => undefined))?.isFile()) continue;
    const descriptor = openSync(file, 'r');
    try {
      return readElf(access(descriptor), path);
    } finally {
      closeSync(descriptor);
    }
  }
  return undefined;
}

const pageBytes = 1 << 14;

/** A few pages of a file matter, and they are asked for in small pieces. */
function access(descriptor: number): RandomAccess {
  const sizeBytes = fstatSync(descriptor).size;
  const pages = new Map<number, Buffer>();
  function page(index: number): Buffer {
    const known = pages.get(index);
    if (known) return known;
    const bytes = Buffer.alloc(Math.min(pageBytes, sizeBytes - index * pageBytes));
    readSync(descriptor, bytes, 0, bytes.length, index * pageBytes);
    pages.set(index, bytes);
    return bytes;
  }
  return {
    sizeBytes,
    slice(offset, length) {
      if (offset < 0 || offset + length > sizeBytes) throw new RangeError('beyond the end');
      const first = Math.floor(offset / pageBytes);
      const last = Math.floor((offset + Math.max(length, 1) - 1) / pageBytes);
      const start = offset - first * pageBytes;
      if (first === last) return page(first).subarray(start, start + length);
      const parts = Array.from({ length: last - first + 1 }, (_, at) => page(first + at));
      return Buffer.concat(parts).subarray(start, start + length);
    },
  };
}
