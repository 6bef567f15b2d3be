import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { z } from 'zod';
import { SingleFlight } from '../core/concurrency.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { digestOf, hexOf, type Digest } from '../core/digest.ts';
import { translateFileError } from '../core/errors.ts';
import { DigestSchema, type Descriptor } from '../formats/oci/descriptor.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { noteProven } from '../store/proven-layers.ts';
import type { Compression } from '../formats/layer-compression.ts';
import type { TreeEntry } from './image-tree.ts';
import { tarChunks, tarSize, toTarEntry, type ContentReader } from './tar-stream.ts';

export interface WrittenLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Whether the bytes were there already. */
  readonly reused: boolean;
}

const Memo = z.strictObject({ digest: DigestSchema, size: z.number().int(), diffId: DigestSchema });

/** Raised when the writer makes other bytes of the same entries. */
const writerVersion = 1;
const flights = new SingleFlight<WrittenLayer>();

/**
 * Streams entries into a compressed layer blob and hashes on the way. The same entries and compressor are written once,
 * whoever asks for them: the memo is keyed by what decides the bytes and is checked against the store.
 */
export function writeLayer(
  store: LayoutStore,
  entries: readonly TreeEntry[],
  options: { readonly compression: Compression; readonly read: ContentReader },
): Promise<WrittenLayer> {
  const key = layerKey(entries, options.compression);
  return flights.run(`${store.folder} ${key}`, async () => {
    const known = await readMemo(store, key);
    if (known && (await store.hasBlob(known.digest, known.size))) return layer(known, options.compression, true);
    const written = await write(store, entries, options);
    await noteProven(store, written.digest, written.diffId);
    await store.notes.write('layers', hexOf(key), canonicalJson(written));
    return layer(written, options.compression, false);
  });
}

async function write(
  store: LayoutStore,
  entries: readonly TreeEntry[],
  { compression, read }: { readonly compression: Compression; readonly read: ContentReader },
) {
  const uncompressed = createHash('sha256');
  const compressed = createHash('sha256');
  const path = await store.temporaryPath();
  let size = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of tarChunks(entries, read)) {
      uncompressed.update(chunk);
      yield chunk;
    }
  }
  const file = await open(path, 'wx', 0o644).catch((error: unknown) => {
    throw translateFileError(error, path);
  });
  try {
    for await (const chunk of compression.compress(counted(), tarSize(entries))) {
      compressed.update(chunk);
      size += chunk.length;
      await file.write(chunk);
    }
    await file.sync();
    await file.close();
    const digest: Digest = `sha256:${compressed.digest('hex')}`;
    await store.adoptFile(path, digest);
    return { digest, size, diffId: `sha256:${uncompressed.digest('hex')}` as Digest };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(path, { force: true });
    throw translateFileError(error, path);
  }
}

/** Identity of a layer before it is written: each entry's header and where its bytes come from, all content-addressed. */
function layerKey(entries: readonly TreeEntry[], compression: Compression): Digest {
  const hash = createHash('sha256').update(canonicalJson({ writerVersion, compressor: compression.id }));
  for (const entry of entries) {
    const content = entry.node.kind === 'file' ? entry.node.content : undefined;
    const identity = content?.kind === 'bytes' ? digestOf(content.bytes) : content;
    hash.update(canonicalJson([toTarEntry(entry), identity ?? null]));
  }
  return `sha256:${hash.digest('hex')}`;
}

async function readMemo(store: LayoutStore, key: Digest) {
  const text = await store.notes.read('layers', hexOf(key));
  if (text === undefined) return undefined;
  const parsed = Memo.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

function layer(written: z.infer<typeof Memo>, compression: Compression, reused: boolean): WrittenLayer {
  return {
    descriptor: { mediaType: compression.mediaType, digest: written.digest, size: written.size },
    diffId: written.diffId,
    reused,
  };
}
