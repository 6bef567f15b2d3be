import type { Descriptor } from '../../formats/oci/descriptor.ts';
import type { SbomModel } from '../../formats/sbom/model.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { findReports } from '../test/report.ts';
import { readImageInventory } from './image-inventory.ts';
import { makeSbom } from './make-sbom.ts';
import { versionsIn } from './versions-in.ts';

/** The bill of materials of any image that is here, ours or not. */
export async function sbomOfImage(store: LayoutStore, manifest: Descriptor, platform: string): Promise<SbomModel> {
  const image = await readImageInventory(store, manifest.digest);
  const reports = await findReports(store, manifest.digest);
  const versions = reports.map(versionsIn).find((found) => Object.keys(found).length > 0) ?? {};
  const labels = image.config.config?.Labels ?? {};
  const fromEnvironment = (image.config.config?.Env ?? []).find((line) => line.startsWith('NODE_VERSION='));
  return makeSbom(image, {
    name: labels['org.opencontainers.image.title'] ?? 'image',
    digest: manifest.digest,
    platform,
    release: labels['org.opencontainers.image.version'] ?? fromEnvironment?.slice('NODE_VERSION='.length) ?? '',
    versions,
  });
}
