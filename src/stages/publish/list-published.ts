import { readFile } from 'node:fs/promises';
import type { Digest } from '../../core/digest.ts';
import { annotationsOf } from '../../store/manifest.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { PublishedTag } from '../plan/compare-plan.ts';

const refName = 'org.opencontainers.image.ref.name';

/** Every tag of the embedded store with the cell of its image; tags of images that are not ours are left out. */
export async function listPublished(store: LayoutStore): Promise<PublishedTag[]> {
  const cells = new Map<Digest, string | undefined>();
  const published: PublishedTag[] = [];
  // One look at the list: a store of hundreds of cells has thousands of tags.
  for (const { digest, annotations } of await store.listEntries()) {
    const tag = annotations?.[refName];
    if (tag === undefined) continue;
    if (!cells.has(digest)) cells.set(digest, await cellOf(store, digest));
    const cell = cells.get(digest);
    if (cell !== undefined) published.push({ tag, cell });
  }
  return published;
}

async function cellOf(store: LayoutStore, digest: Digest): Promise<string | undefined> {
  const text = await readFile(store.blobPath(digest), 'utf8');
  return annotationsOf(Buffer.from(text))['io.nodeworthy.cell'];
}
