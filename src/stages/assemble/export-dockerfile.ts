import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compressions } from '../../formats/layer-compression.ts';
import { writeDockerfile, type DockerfileLayer } from '../../formats/dockerfile/write-dockerfile.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { baseName } from '../../formats/tar/path.ts';
import { translateFileError } from '../../core/errors.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImage } from '../../trees/read-image.ts';
import { squashParts } from '../../trees/squash-parts.ts';
import { writePart } from '../../trees/write-part.ts';
import type { Candidate, CandidatePlatform } from './assemble-cell.ts';

export interface ExportedDockerfile {
  readonly platform: string;
  readonly folder: string;
  readonly layers: number;
}

/**
 * Writes a Dockerfile and its build context for each platform of a frozen image. It needs no network and gives the same
 * file system; layers with whiteouts, which an engine would unpack as files, are joined before.
 */
export async function exportDockerfile(
  store: LayoutStore,
  candidate: Candidate,
  target: string,
): Promise<ExportedDockerfile[]> {
  const exported: ExportedDockerfile[] = [];
  for (const platform of candidate.platforms) {
    const isOnly = candidate.platforms.length === 1;
    const folder = isOnly ? target : join(target, platform.platform.replaceAll('/', '-'));
    exported.push(await exportPlatform(store, { candidate, platform, folder }));
  }
  return exported;
}

interface PlatformExport {
  readonly candidate: Candidate;
  readonly platform: CandidatePlatform;
  readonly folder: string;
}

async function exportPlatform(store: LayoutStore, { candidate, platform, folder }: PlatformExport) {
  const { config, parts } = await readImage(store, platform.manifest.digest);
  const hasWhiteouts = parts.some(({ entries }) => entries.some(({ path }) => baseName(path).startsWith('.wh.')));
  const isReadable = parts.every(({ existing }) => existing?.descriptor.mediaType === mediaTypes.layerGzip);
  const chosen = hasWhiteouts || !isReadable ? [squashParts(parts, [])] : parts;
  try {
    await mkdir(join(folder, 'layers'), { recursive: true });
    const layers: DockerfileLayer[] = [];
    for (const [at, part] of chosen.entries()) {
      const { descriptor } = await writePart(store, part, compressions.gzip);
      const file = `layers/${at + 1}.tar.gz`;
      const from = store.blobPath(descriptor.digest);
      // A copy: whoever edits it must not edit the store.
      await rm(join(folder, file), { force: true });
      await copyFile(from, join(folder, file));
      layers.push({ file, title: part.title });
    }
    const text = writeDockerfile({ cell: candidate.cell, digest: platform.manifest.digest, config, layers });
    await writeFile(join(folder, 'Dockerfile'), text);
    return { platform: platform.platform, folder, layers: layers.length };
  } catch (error) {
    throw translateFileError(error, folder);
  }
}
