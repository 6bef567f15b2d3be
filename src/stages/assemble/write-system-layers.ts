import { mapConcurrent } from '../../core/concurrency.ts';
import type { Digest } from '../../core/digest.ts';
import type { Compression } from '../../formats/layer-compression.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import type { Sandbox } from '../../runtimes/runtime.ts';
import { expandInput } from '../../sources/expand-input.ts';
import type { DebInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { Variant } from '../plan/variants.ts';
import type { ElfInTree } from './closure.ts';
import { contentFile, openContents, type ContentFile } from './content-access.ts';
import { elfFilesOf } from './elf-files.ts';
import type { ImageLayer } from './image-documents.ts';
import { ImageTree, type TreeEntry } from './image-tree.ts';
import { installSystem, type InstalledSystem } from './installed/install-system.ts';
import { differenceOf } from './layer-difference.ts';
import { decideOsLayer } from './os-layer.ts';
import { writeLayer } from './write-layer.ts';

export interface SystemLayersJob {
  readonly variant: Variant;
  readonly base: string;
  readonly platform: string;
  /** In groups: each is a layer on the one before. */
  readonly packages: readonly (readonly DebInput[])[];
  readonly compression: Compression;
  readonly sandbox: () => Promise<Sandbox>;
}

export interface SystemLayers {
  readonly layers: readonly ImageLayer[];
  /** Programs and libraries that the Node.js binary may find. */
  readonly files: readonly ElfInTree[];
}

/** The operating system of an image, in layers that all cells on it share. */
export async function writeSystemLayers(store: LayoutStore, job: SystemLayersJob): Promise<SystemLayers> {
  return job.variant.system === 'assembled' ? await writeAssembled(store, job) : await writeInstalled(store, job);
}

async function writeAssembled(store: LayoutStore, job: SystemLayersJob): Promise<SystemLayers> {
  const packages = job.packages.flat();
  const expanded = await mapConcurrent(packages, 2, (input) => expandInput(store, input));
  const contents = openContents(expanded.map(contentFile));
  try {
    const tree = decideOsLayer({ packages: expanded, architecture: architectureOf(job.platform), read: contents.read });
    const files = elfFilesOf(tree, contents, { ownerOf: ownersOf(packages) });
    const layer = await writeLayer(store, tree.entries(), { compression: job.compression, read: contents.stream });
    return { layers: [{ ...layer, title: `operating system ${job.base}` }], files };
  } finally {
    await contents.close();
  }
}

async function writeInstalled(store: LayoutStore, job: SystemLayersJob): Promise<SystemLayers> {
  const layers: ImageLayer[] = [];
  const inputs: ContentFile[] = [];
  let below: InstalledSystem | undefined;
  for (const group of job.packages) {
    const packages = await mapConcurrent(group, 2, (input) => expandInput(store, input));
    const system = await installSystem(
      store,
      { platform: job.platform, packages, below, belowInputs: inputs },
      job.sandbox,
    );
    inputs.push(...packages.map(contentFile));
    const contents = openContents([...inputs, ...(below?.files ?? []), ...system.files]);
    try {
      const entries = differenceOf(below?.entries ?? [], system.entries);
      const layer = await writeLayer(store, entries, { compression: job.compression, read: contents.stream });
      const title = below ? `development packages of ${job.base}` : `operating system ${job.base} with packages`;
      layers.push({ ...layer, title });
    } finally {
      await contents.close();
    }
    inputs.push(...system.files);
    below = system;
  }
  return { layers, files: await librariesOf(below?.entries ?? [], inputs, job) };
}

async function librariesOf(
  entries: readonly TreeEntry[],
  inputs: readonly ContentFile[],
  { packages }: SystemLayersJob,
): Promise<ElfInTree[]> {
  const contents = openContents(inputs);
  try {
    const tree = new ImageTree(0);
    for (const { path, node } of entries) tree.set(path, node);
    // The loader's own folders, and the init: reading each program of a compiler would take longer than its layer.
    const only = /^usr\/lib\/(?:[^/]+-linux-gnu\/)?[^/]+\.so|^usr\/lib64\/[^/]+$|^usr\/bin\/tini$/;
    return elfFilesOf(tree, contents, { ownerOf: ownersOf(packages.flat()), only });
  } finally {
    await contents.close();
  }
}

function ownersOf(packages: readonly DebInput[]): (digest: Digest) => string {
  const owners = new Map<Digest, string>(packages.map((input) => [input.digest, input.name]));
  return (digest) => owners.get(digest) ?? 'unknown';
}
