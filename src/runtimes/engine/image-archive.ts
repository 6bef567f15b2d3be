import { hexOf } from '../../core/digest.ts';
import type { ImageManifest } from '../../formats/oci/descriptor.ts';
import { tarPadding, tarTrailer, writeTarHeader } from '../../formats/tar/write-header.ts';
import { readBlob } from '../../store/read-blob.ts';
import type { Store } from '../../store/store.ts';
import type { LayerFile } from '../runtime.ts';

/** What `docker load` reads: the layers byte for byte as the store has them, so that the engine sees the same diffIDs. */
export async function* imageArchive(store: Store, manifest: ImageManifest, tag: string): AsyncGenerator<Uint8Array> {
  const config = `${hexOf(manifest.config.digest)}.json`;
  const layers = manifest.layers.map((layer) => `${hexOf(layer.digest)}.tar.gz`);
  yield* file('manifest.json', Buffer.from(JSON.stringify([{ Config: config, RepoTags: [tag], Layers: layers }])));
  yield* file(config, await readBlob(store, manifest.config));
  for (const [index, layer] of manifest.layers.entries()) {
    yield header(String(layers[index]), layer.size);
    yield* store.openBlob(layer);
    yield Buffer.alloc(tarPadding(layer.size));
  }
  yield tarTrailer;
}

/** Files for an engine's archive upload. */
export async function* filesArchive(files: readonly LayerFile[]): AsyncGenerator<Uint8Array> {
  for (const entry of files) {
    const { path, kind, mode, uid, gid } = entry;
    const bytes = entry.bytes ?? new Uint8Array();
    const sizeBytes = kind === 'file' ? bytes.length : 0;
    yield writeTarHeader({
      path,
      kind,
      mode,
      uid,
      gid,
      mtime: 0,
      sizeBytes,
      ...(entry.target === undefined ? {} : { linkTarget: entry.target }),
    });
    if (kind !== 'file') continue;
    yield bytes;
    yield Buffer.alloc(tarPadding(sizeBytes));
  }
  yield tarTrailer;
}

function* file(path: string, bytes: Buffer): Generator<Uint8Array> {
  yield header(path, bytes.length);
  yield bytes;
  yield Buffer.alloc(tarPadding(bytes.length));
}

function header(path: string, sizeBytes: number): Buffer {
  return writeTarHeader({ path, kind: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes });
}
