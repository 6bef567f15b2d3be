import { mapConcurrent } from '../../core/concurrency.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { mediaTypes, ociLayerType } from '../../formats/oci/media-types.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import type { HardeningRuleName } from '../../config/hardening.ts';
import type { Sandbox } from '../../runtimes/runtime.ts';
import { contentFile, expandInput, newestTime } from '../../sources/expand-input.ts';
import type { DebInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { openContents, type ContentFile } from '../../trees/content-access.ts';
import { ImageTree, type TreeEntry } from '../../trees/image-tree.ts';
import { differenceOf } from '../../trees/layer-difference.ts';
import type { LayerPart } from '../../trees/layer-part.ts';
import { readImage, viewParts } from '../../trees/read-image.ts';
import { baseImageFacts, debianFacts, type BaseFacts, type ImageSettings } from '../plan/image-settings.ts';
import type { LockedSystem } from '../resolve/lock.ts';
import type { ElfInTree } from './closure.ts';
import { elfFilesOf } from './elf-files.ts';
import { hardenEntries } from './hardening/harden-entries.ts';
import { imageUserEntries } from './image-user.ts';
import { installSystem, type InstalledSystem } from './installed/install-system.ts';
import { decideOsLayer } from './os-layer.ts';

export interface SystemPartsJob {
  readonly settings: ImageSettings;
  readonly base: string;
  readonly platform: string;
  readonly system: LockedSystem;
  /** In groups: each is a layer on the one before. */
  readonly packages: readonly (readonly DebInput[])[];
  readonly sandbox: () => Promise<Sandbox>;
}

export interface SystemParts {
  readonly parts: readonly LayerPart[];
  /** Programs and libraries that the Node.js binary may find; undefined for an image, which was checked for the lock. */
  readonly libraries: readonly ElfInTree[] | undefined;
  readonly facts: BaseFacts;
}

const kept = new WeakMap<LayoutStore, Map<string, Promise<SystemParts>>>();
const maxKept = 8;

/** The operating system of an image, in layers that all cells on it share; the last few are kept in memory. */
export function decideSystemParts(store: LayoutStore, job: SystemPartsJob): Promise<SystemParts> {
  const known = kept.get(store) ?? new Map<string, Promise<SystemParts>>();
  kept.set(store, known);
  const { variant, hardening, sharedHardening } = job.settings;
  const key = digestOf(canonicalJson([job.system, variant.name, hardening, sharedHardening, job.platform]));
  const found = known.get(key);
  if (found) return found;
  const made = decide(store, job);
  known.set(key, made);
  made.catch(() => known.delete(key));
  const [oldest] = known.keys();
  if (known.size > maxKept && oldest !== undefined) known.delete(oldest);
  return made;
}

async function decide(store: LayoutStore, job: SystemPartsJob): Promise<SystemParts> {
  if (job.system.image) return await decideImage(store, job, job.system.image);
  return job.settings.variant.system === 'assembled'
    ? await decideAssembled(store, job)
    : await decideInstalled(store, job);
}

async function decideAssembled(store: LayoutStore, job: SystemPartsJob): Promise<SystemParts> {
  const packages = job.packages.flat();
  const expanded = await mapConcurrent(packages, 2, (input) => expandInput(store, input));
  const files = expanded.map(contentFile);
  const contents = openContents(files);
  try {
    const tree = decideOsLayer({ packages: expanded, architecture: architectureOf(job.platform), read: contents.read });
    const libraries = elfFilesOf(tree, contents, { ownerOf: ownersOf(packages) });
    const context = { mtime: job.system.time, read: contents.read };
    const entries = hardenEntries(tree.entries(), job.settings.hardening, context);
    const part = { title: `operating system ${job.base}`, entries, files };
    return { parts: [part], libraries, facts: debianFacts(job.settings) };
  } finally {
    await contents.close();
  }
}

async function decideInstalled(store: LayoutStore, job: SystemPartsJob): Promise<SystemParts> {
  const { settings } = job;
  const parts: LayerPart[] = [];
  const files: ContentFile[] = [];
  let below: InstalledSystem | undefined;
  let hardenedBelow: readonly TreeEntry[] = [];
  // What hardening writes is as old as the lowest group: the layer that others share must not know of those above.
  let hardenedAt = 0;
  for (const [at, group] of job.packages.entries()) {
    const packages = await mapConcurrent(group, 2, (input) => expandInput(store, input));
    const system: InstalledSystem = await installSystem(
      store,
      { platform: job.platform, packages, below, belowInputs: files },
      job.sandbox,
    );
    files.push(...packages.map(contentFile), ...system.files);
    const contents = openContents(files);
    try {
      // Scripts of the next group run on the system as it was installed; only what is shipped is hardened.
      if (at === 0) hardenedAt = newestTime(packages);
      const context = { mtime: hardenedAt, read: contents.read };
      const entries = hardenEntries(system.entries, rulesBelow(settings, at), context);
      const title = at === 0 ? `operating system ${job.base} with packages` : `more packages of ${job.base}`;
      parts.push({ title, entries: differenceOf(hardenedBelow, entries), files: [...files] });
      hardenedBelow = entries;
    } finally {
      await contents.close();
    }
    below = system;
  }
  return { parts, libraries: await librariesOf(below?.entries ?? [], files, job), facts: debianFacts(settings) };
}

/** The lowest layer of `build` is the one of `slim`: hardened alike, so that both share its bytes. */
function rulesBelow({ hardening, sharedHardening }: ImageSettings, at: number): readonly HardeningRuleName[] {
  return at === 0 ? sharedHardening : hardening;
}

/** Somebody else's layers as they are, and one of ours with what hardening changes in them. */
async function decideImage(
  store: LayoutStore,
  { settings, base, system }: SystemPartsJob,
  image: NonNullable<LockedSystem['image']>,
): Promise<SystemParts> {
  const { parts } = await readImage(store, image.digest);
  const verbatim = parts.map((part): LayerPart => {
    if (!part.existing) return part;
    const { descriptor, diffId } = part.existing;
    const mediaType = ociLayerType(descriptor.mediaType);
    // Annotations and addresses of the other image are its own; the bytes are what counts.
    const plain = { mediaType: mediaType || mediaTypes.layerGzip, digest: descriptor.digest, size: descriptor.size };
    return { ...part, title: part.title || `layer of ${base}`, existing: { descriptor: plain, diffId } };
  });
  const view = viewParts(verbatim);
  try {
    const withUser = imageUserEntries(view, {
      mtime: system.time,
      hasShell: image.hasShell && settings.variant.node.includes('npm'),
    });
    const context = { mtime: system.time, read: view.read };
    const hardened = hardenEntries(withUser, settings.hardening, context);
    const entries = differenceOf(view.entries, hardened);
    const own: LayerPart = {
      title: `user and hardening on ${base}`,
      entries,
      files: parts.flatMap((part) => part.files),
    };
    const facts = baseImageFacts(image, settings);
    return { parts: entries.length > 0 ? [...verbatim, own] : verbatim, libraries: undefined, facts };
  } finally {
    await view.close();
  }
}

async function librariesOf(
  entries: readonly TreeEntry[],
  files: readonly ContentFile[],
  { packages }: SystemPartsJob,
): Promise<ElfInTree[]> {
  const contents = openContents(files);
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
