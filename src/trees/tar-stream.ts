import type { TarEntry } from '../formats/tar/entry.ts';
import { tarPadding, tarTrailer, writeTarHeader } from '../formats/tar/write-header.ts';
import { contentSize, type FileContent, type TreeEntry } from './image-tree.ts';

/** Chunks are valid until the next one is asked for. */
export type ContentReader = (content: FileContent) => AsyncIterable<Buffer>;

/** Large enough that a compressor's stream never sees a small write; see the notes at `createNativeZstd`. */
const chunkBytes = 1 << 18;

/** Bytes of the archive, known before it is written. */
export function tarSize(entries: readonly TreeEntry[]): number {
  let size = tarTrailer.length;
  for (const entry of entries) {
    const header = toTarEntry(entry);
    size += writeTarHeader(header).length + header.sizeBytes + tarPadding(header.sizeBytes);
  }
  return size;
}

/** The entries as one tar archive, in chunks of 256 KiB; memory does not grow with the archive. */
export async function* tarChunks(entries: readonly TreeEntry[], read: ContentReader): AsyncGenerator<Buffer> {
  let buffer = Buffer.allocUnsafe(chunkBytes);
  let filled = 0;
  for (const entry of entries) {
    const header = toTarEntry(entry);
    for (const part of fill(writeTarHeader(header))) yield part;
    if (entry.node.kind !== 'file') continue;
    for await (const chunk of read(entry.node.content)) for (const part of fill(chunk)) yield part;
    for (const part of fill(Buffer.alloc(tarPadding(header.sizeBytes)))) yield part;
  }
  for (const part of fill(tarTrailer)) yield part;
  if (filled > 0) yield buffer.subarray(0, filled);

  function* fill(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length;) {
      const take = Math.min(bytes.length - at, chunkBytes - filled);
      bytes.copy(buffer, filled, at, at + take);
      at += take;
      filled += take;
      if (filled < chunkBytes) continue;
      yield buffer;
      buffer = Buffer.allocUnsafe(chunkBytes);
      filled = 0;
    }
  }
}

export function toTarEntry({ path, node }: TreeEntry): TarEntry {
  return {
    path,
    kind: node.kind,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    mtime: node.mtime,
    sizeBytes: node.kind === 'file' ? contentSize(node.content) : 0,
    ...(node.kind === 'symlink' || node.kind === 'hardlink' ? { linkTarget: node.target } : {}),
    ...((node.kind === 'file' || node.kind === 'directory') && node.xattrs ? { xattrs: node.xattrs } : {}),
    ...('device' in node ? { device: node.device } : {}),
  };
}
