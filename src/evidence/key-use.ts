import { bundleMediaType, BundleSchema } from '../formats/attestation/bundle.ts';
import { mapConcurrent } from '../core/concurrency.ts';
import { JsonError, parseJson } from '../core/json.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import { parseManifest } from '../store/manifest.ts';
import { readBlob } from '../store/read-blob.ts';
import { maxBundleBytes } from './evidence-store.ts';

export interface KeyUse {
  readonly statements: number;
  /** ISO times of the first and the last statement, as their artifacts say. */
  readonly first: string;
  readonly last: string;
}

function hintIn(bytes: Buffer): string | undefined {
  try {
    const bundle = BundleSchema.safeParse(parseJson(bytes.toString('utf8'))).data;
    return bundle?.verificationMaterial.publicKey?.hint;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/** What is signed in a store, by the name of the key: as it says of itself, nothing is verified. */
export async function keyUses(store: LayoutStore): Promise<ReadonlyMap<string, KeyUse>> {
  const entries = (await store.listEntries()).filter(({ artifactType }) => artifactType === bundleMediaType);
  const signed = await mapConcurrent(entries, 8, async ({ digest }) => {
    const stored = await store.getManifest(digest);
    const manifest = stored && parseManifest(stored.bytes);
    const [layer] = manifest?.layers ?? [];
    if (!manifest || !layer || layer.size > maxBundleBytes) return undefined;
    const hint = hintIn(await readBlob(store, layer, maxBundleBytes));
    const on = manifest.annotations?.['org.opencontainers.image.created'];
    return hint === undefined || on === undefined ? undefined : { hint, on };
  });
  const uses = new Map<string, KeyUse>();
  for (const item of signed) {
    if (!item) continue;
    const { hint, on } = item;
    const known = uses.get(hint) ?? { statements: 0, first: on, last: on };
    const first = on < known.first ? on : known.first;
    const last = on > known.last ? on : known.last;
    uses.set(hint, { statements: known.statements + 1, first, last });
  }
  return uses;
}
