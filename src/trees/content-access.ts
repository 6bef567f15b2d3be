import { closeSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Digest } from '../core/digest.ts';
import type { RandomAccess } from '../formats/elf/read-elf.ts';
import type { FileContent } from './image-tree.ts';
import type { ContentReader } from './tar-stream.ts';

export interface ContentAccess {
  readonly stream: ContentReader;
  readonly read: (content: FileContent) => Buffer;
  readonly random: (content: FileContent) => RandomAccess;
  close(): Promise<void>;
}

/** A file on disk that slices refer to by its digest. */
export interface ContentFile {
  readonly digest: Digest;
  readonly path: string;
}

const pageBytes = 1 << 16;
const chunkBytes = 1 << 18;

/** Reads file contents out of expanded inputs, installed systems and layers: as a stream, as a whole, or page by page. */
export function openContents(files: readonly ContentFile[]): ContentAccess {
  const paths = new Map<Digest, string>(files.map((file) => [file.digest, file.path]));
  const handles = new Map<Digest, Promise<FileHandle>>();
  const descriptors = new Map<Digest, number>();

  function pathOf(digest: Digest): string {
    const path = paths.get(digest);
    if (path === undefined) throw new TypeError(`no expanded input ${digest}`);
    return path;
  }

  function handleOf(digest: Digest): Promise<FileHandle> {
    const known = handles.get(digest);
    if (known) return known;
    const opened = open(pathOf(digest), 'r');
    handles.set(digest, opened);
    return opened;
  }

  function readExactly(digest: Digest, offset: number, length: number): Buffer {
    const descriptor = descriptors.get(digest) ?? openSync(pathOf(digest), 'r');
    descriptors.set(digest, descriptor);
    const buffer = Buffer.alloc(length);
    const count = length === 0 ? 0 : readSync(descriptor, buffer, 0, length, offset);
    if (count !== length) throw new RangeError('beyond the end');
    return buffer;
  }

  return {
    async *stream(content) {
      if (content.kind === 'bytes') {
        yield content.bytes;
        return;
      }
      const handle = await handleOf(content.input);
      // One buffer for the whole file: the tar writer copies each chunk before it asks for the next.
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, content.sizeBytes));
      for (let done = 0; done < content.sizeBytes;) {
        const { bytesRead } = await handle.read(
          buffer,
          0,
          Math.min(buffer.length, content.sizeBytes - done),
          content.offset + done,
        );
        if (bytesRead === 0) throw new RangeError(`the expanded input ${content.input} is shorter than its index says`);
        done += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    read: (content) =>
      content.kind === 'bytes' ? content.bytes : readExactly(content.input, content.offset, content.sizeBytes),
    random(content) {
      if (content.kind === 'bytes')
        return pagedAccess(content.bytes.length, (offset, length) => content.bytes.subarray(offset, offset + length));
      return pagedAccess(content.sizeBytes, (offset, length) =>
        readExactly(content.input, content.offset + offset, length),
      );
    },
    async close() {
      for (const descriptor of descriptors.values()) closeSync(descriptor);
      for (const handle of handles.values()) await (await handle).close();
    },
  };
}

/** Keeps the last few pages: a reader of ELF headers goes back and forth between three places. */
function pagedAccess(sizeBytes: number, readRange: (offset: number, length: number) => Buffer): RandomAccess {
  const pages = new Map<number, Buffer>();
  function page(index: number): Buffer {
    const known = pages.get(index);
    if (known) return known;
    if (pages.size >= 8) pages.delete(pages.keys().next().value as number);
    const loaded = readRange(index * pageBytes, Math.min(pageBytes, sizeBytes - index * pageBytes));
    pages.set(index, loaded);
    return loaded;
  }
  return {
    sizeBytes,
    slice(offset, length) {
      if (offset < 0 || length < 0 || offset + length > sizeBytes) throw new RangeError('beyond the end');
      const first = Math.floor(offset / pageBytes);
      const start = offset - first * pageBytes;
      if (start + length <= pageBytes) return page(first).subarray(start, start + length);
      return readRange(offset, length);
    },
  };
}
