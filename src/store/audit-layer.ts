import { join } from 'node:path';
import { hexOf, type Digest } from '../core/digest.ts';
import { readTextIfExists, writeFileAtomic } from '../core/files.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import type { TarEntry } from '../formats/tar/entry.ts';
import { readTar } from '../formats/tar/read-tar.ts';
import type { LayoutStore } from './layout/layout-store.ts';
import { decompressLayer } from './decompress-layer.ts';

/** What an entry grants beyond its permissions, or undefined: a set-id bit, or a file capability. */
export function privilegeOf(entry: TarEntry): string | undefined {
  if (entry.kind === 'file' && (entry.mode & 0o6000) !== 0) return `/${entry.path} has a set-id bit`;
  if (entry.xattrs?.['security.capability'] !== undefined) return `/${entry.path} has a file capability`;
  return undefined;
}

/** Entries of a layer that grant privileges; read once per diffID, and noted when the layer is unpacked anyway. */
export async function auditLayer(store: LayoutStore, layer: Descriptor, diffId: Digest): Promise<string[]> {
  const known = await readTextIfExists(auditPath(store, diffId));
  if (known !== undefined) return JSON.parse(known) as string[];
  const found: string[] = [];
  const limits = { name: `layer ${layer.digest}`, maxEntries: 1_000_000, maxTotalBytes: 16 * 2 ** 30 };
  for await (const { entry } of readTar(decompressLayer(store.openBlob(layer), layer), limits)) {
    const privilege = privilegeOf(entry);
    if (privilege) found.push(privilege);
  }
  await noteAudit(store, diffId, found);
  return found;
}

export async function noteAudit(store: LayoutStore, diffId: Digest, found: readonly string[]): Promise<void> {
  await writeFileAtomic(auditPath(store, diffId), JSON.stringify(found));
}

function auditPath(store: LayoutStore, diffId: Digest): string {
  return join(store.stateFolder, 'audits', `${hexOf(diffId)}.json`);
}
