import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { digestOf, hexOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { DescriptorSchema, type Descriptor } from '../../formats/oci/descriptor.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { blobOfBytes } from '../../store/read-blob.ts';
import type { Sandbox } from '../../runtimes/runtime.ts';
import { configurationDigest, debianFacts, imageConfiguration, type ImageSettings } from '../plan/image-settings.ts';
import type { LayerPart } from '../../trees/layer-part.ts';
import { viewParts } from '../../trees/read-image.ts';
import { partitionLayers, squashParts } from '../../trees/squash-parts.ts';
import { writePart } from '../../trees/write-part.ts';
import { inputsOf, type Lock, type LockedCell } from '../resolve/lock.ts';
import { compressions, type CompressionName } from '../../formats/layer-compression.ts';
import { readCandidateMemo } from './candidate-memo.ts';
import { computeClosure } from './closure.ts';
import { decideConfigurationLayer } from './configuration-layer.ts';
import {
  identityLabels,
  imageConfigBytes,
  imageIndexBytes,
  imageManifestBytes,
  type ImageFacts,
} from './image-documents.ts';
import { requireOwnImage } from './require-own-image.ts';
import { decideNodeParts } from './node-parts.ts';
import { decideSystemParts, type SystemParts } from './system-parts.ts';

export interface CandidatePlatform {
  readonly platform: string;
  readonly manifest: Descriptor;
  /** Compressed bytes of config and layers. */
  readonly sizeBytes: number;
  /** The lowest first, each with what it is. */
  readonly layers: readonly { readonly title: string; readonly sizeBytes: number }[];
}

/** A frozen image: from here on only its digest is passed on. */
export interface Candidate {
  readonly cell: string;
  readonly index: Descriptor;
  readonly platforms: readonly CandidatePlatform[];
  /** Every blob of the image once, manifests included. */
  readonly blobs: readonly Descriptor[];
  /** What it was made from, where no lock says it. */
  readonly madeFrom?: readonly { readonly name: string; readonly digest: Digest }[];
  readonly reused: boolean;
}

export interface AssembleOptions {
  readonly compression: CompressionName;
  readonly settings: ImageSettings;
  /** Where maintainer scripts run; opened only when a system has to be installed. */
  readonly sandbox: () => Promise<Sandbox>;
  readonly onStep?: (step: string) => void;
  /** Answer from the store, or not at all. */
  readonly knownOnly?: boolean;
}

const Memo = z.strictObject({
  index: DescriptorSchema,
  platforms: z.array(
    z.strictObject({
      platform: z.string(),
      manifest: DescriptorSchema,
      sizeBytes: z.number(),
      layers: z.array(z.strictObject({ title: z.string(), sizeBytes: z.number() })),
    }),
  ),
  blobs: z.array(DescriptorSchema),
});

/**
 * Makes the image of one cell out of what the lock names, and freezes it. No network, no clock, no daemon, and no root
 * but for the sandbox of `slim` and `build`: the same lock gives the same digest anywhere. A cell whose inputs were assembled before is answered from the store.
 */
export async function assembleCell(
  store: LayoutStore,
  lock: Lock,
  cell: LockedCell,
  options: AssembleOptions,
): Promise<Candidate> {
  const compression = compressions[options.compression];
  const { settings } = options;
  requireSameConfiguration(cell, settings);
  // The cell names its systems; what is in them decides the bytes as well.
  const named = new Set(cell.platforms.map(({ system }) => system));
  const systems = lock.systems.filter(({ id }) => named.has(id));
  const key = digestOf(canonicalJson({ cell, systems, name: lock.name, compressor: compression.id }));
  const own = (made: z.infer<typeof Memo>): Promise<void> =>
    requireOwnImage(store, {
      cell: cell.id,
      index: made.index.digest,
      platforms: made.platforms.map(({ platform, manifest }) => ({ platform, manifest: manifest.digest })),
      says: identityLabels({ ...cell, cell: cell.id }),
    });
  const known = await readCandidateMemo(store, { kind: 'candidates', key }, Memo);
  if (known) await own(known);
  if (known) return { cell: cell.id, index: known.index, platforms: known.platforms, blobs: known.blobs, reused: true };
  if (options.knownOnly) throw notBuilt(cell.id);

  const built = await mapConcurrent(cell.platforms, 1, (platform) =>
    assemblePlatform(store, { lock, cell, platform, options }),
  );
  const created = Math.max(...cell.platforms.map((platform) => platform.created));
  const facts = {
    name: lock.name,
    cell: cell.id,
    release: cell.release,
    base: cell.base,
    variant: cell.variant,
    created,
    configuration: built[0]?.configuration ?? imageConfiguration(cell.release, settings, debianFacts(settings)),
  };
  const manifests = built.map(({ manifest, platform }) => ({ ...manifest, platform: toPlatform(platform) }));
  const index = await store.putManifest(imageIndexBytes(facts, manifests), mediaTypes.index);
  await store.keep({ ...index, annotations: { 'io.nodeworthy.candidate': cell.id } });
  const platforms = built.map(({ platform, manifest, sizeBytes, layers }) => ({
    platform,
    manifest,
    sizeBytes,
    layers,
  }));
  const blobs = [index, ...built.flatMap((item) => [item.manifest, ...item.blobs])];
  await own({ index, platforms, blobs });
  await store.notes.write('candidates', hexOf(key), canonicalJson({ index, platforms, blobs }));
  return { cell: cell.id, index, platforms, blobs, reused: false };
}

export function notBuilt(cell: string): Failure {
  return new Failure('NOT_FOUND', `${cell} was not built yet`, { hint: 'build and test it with `nodeworthy run`' });
}

interface PlatformJob {
  readonly lock: Lock;
  readonly cell: LockedCell;
  readonly platform: LockedCell['platforms'][number];
  readonly options: AssembleOptions;
}

async function assemblePlatform(store: LayoutStore, { lock, cell, platform, options }: PlatformJob) {
  const inputs = inputsOf(lock, platform);
  const { settings } = options;
  const compression = compressions[options.compression];
  options.onStep?.('reading inputs and writing layers');
  const [system, nodeJs] = await Promise.all([
    decideSystemParts(store, {
      settings,
      base: cell.base,
      platform: platform.platform,
      system: inputs.system,
      packages: inputs.packages,
      sandbox: options.sandbox,
    }),
    decideNodeParts(store, { variant: settings.variant, node: inputs.node, tools: inputs.tools }),
  ]);
  if (system.libraries) {
    const init = system.libraries.filter((file) => file.path === 'usr/bin/tini');
    computeClosure([...nodeJs.programs, ...init], system.libraries);
  }
  const parts = [...system.parts, ...nodeJs.parts, await decideConfiguration(settings, system)];
  // The large layers come from different inputs: neither waits for the other.
  const layers = await mapConcurrent(partitionLayers(parts.length, settings.layers), 4, async (group) => {
    const chosen = group.map((index) => parts[index] as LayerPart);
    const [only] = chosen;
    const part = chosen.length === 1 && only ? only : squashParts(chosen, parts.slice(0, group[0]));
    return { ...(await writePart(store, part, compression)), title: part.title };
  });
  const configuration = imageConfiguration(cell.release, settings, system.facts);
  const { id, release, base } = cell;
  const facts: ImageFacts = {
    name: lock.name,
    cell: id,
    release,
    base,
    variant: cell.variant,
    architecture: architectureOf(platform.platform),
    created: platform.created,
    configuration,
  };
  const configBytes = imageConfigBytes(facts, layers);
  await store.putBlob(blobOfBytes(configBytes));
  const config: Descriptor = { mediaType: mediaTypes.config, digest: digestOf(configBytes), size: configBytes.length };
  const manifest = await store.putManifest(imageManifestBytes(facts, config, layers), mediaTypes.manifest);
  const blobs = [config, ...layers.map((layer) => layer.descriptor)];
  return {
    configuration,
    platform: platform.platform,
    manifest,
    blobs,
    sizeBytes: blobs.reduce((sum, blob) => sum + blob.size, 0),
    layers: layers.map(({ title, descriptor }) => ({ title, sizeBytes: descriptor.size })),
  };
}

/** The layer of this image's own: folders, and what overlays and hardening add to the system below. */
async function decideConfiguration(settings: ImageSettings, { parts, facts }: SystemParts): Promise<LayerPart> {
  const view = viewParts(parts);
  try {
    const entries = decideConfigurationLayer(settings, facts, view).entries();
    return { title: 'folders and settings of the application', entries, files: [] };
  } finally {
    await view.close();
  }
}

/** A lock promises bytes; an assembly that would make others must not pretend to keep it. */
function requireSameConfiguration(cell: LockedCell, settings: ImageSettings): void {
  if (configurationDigest(cell.release, settings) === cell.configuration) return;
  throw new Failure(
    'LOCK_OUTDATED',
    `${cell.id} was locked for another configuration or another version of Nodeworthy`,
    {
      hint: 'run `nodeworthy lock`: it keeps the inputs and records the configuration of this version',
    },
  );
}

function toPlatform(platform: string): { os: string; architecture: string } {
  const [os, architecture] = platform.split('/');
  return { os: String(os), architecture: String(architecture) };
}
