import type { Compression } from '../formats/layer-compression.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { openContents } from './content-access.ts';
import type { LayerPart } from './layer-part.ts';
import { writeLayer, type WrittenLayer } from './write-layer.ts';

const written = new WeakMap<LayerPart, Map<string, Promise<WrittenLayer>>>();

/** Writes a part as a layer blob, or answers with the one that exists. Hundreds of cells ask for the same part. */
export function writePart(store: LayoutStore, part: LayerPart, compression: Compression): Promise<WrittenLayer> {
  if (part.existing) return Promise.resolve({ ...part.existing, reused: true });
  const known = written.get(part) ?? new Map<string, Promise<WrittenLayer>>();
  written.set(part, known);
  const key = `${store.folder} ${compression.id}`;
  const flight = known.get(key) ?? write(store, part, compression);
  known.set(key, flight);
  flight.catch(() => known.delete(key));
  return flight;
}

async function write(store: LayoutStore, part: LayerPart, compression: Compression): Promise<WrittenLayer> {
  const contents = openContents(part.files);
  try {
    return await writeLayer(store, part.entries, { compression, read: contents.stream });
  } finally {
    await contents.close();
  }
}
