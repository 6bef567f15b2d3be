import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { readElf, type ElfFile } from '../../formats/elf/read-elf.ts';
import { contentFile, expandInput } from '../../sources/expand-input.ts';
import { describeInput, type Input, type Libc, type NodeInput, type ToolInput } from '../../sources/input.ts';
import { openBaseImage, openNodeSource, openPackageSource } from '../../sources/open-source.ts';
import { openContents } from '../../trees/content-access.ts';
import type { ImageSource, NodeSource, PackageSource } from '../../sources/source.ts';
import { archiveInputs } from '../../store/input-archive.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { toolsOf } from '../catalog/npm-lines.ts';
import { cellId } from '../plan/cell.ts';
import { configurationDigest, settingsFor } from '../plan/image-settings.ts';
import { mergeOverlays } from '../plan/merge-overlays.ts';
import { variantNamed, type Variant } from '../plan/variants.ts';
import { requireCompatible } from './detect-base.ts';
import { requireKnownSuites, selectFrom, type ChosenRelease } from './find-releases.ts';
import { inputKey, selectionDigest, type Lock, type LockedCell, type UnresolvedCell } from './lock.ts';
import {
  resolveSystem,
  systemId,
  type SystemRequest,
  type SystemResult,
  type SystemSources,
} from './resolve-systems.ts';
import { restoreMissing } from './restore-missing.ts';
import { createSourcePorts } from './source-ports.ts';

export interface ResolveOptions {
  readonly aptFolder: string;
  /** Earlier lock: its pins are kept unless `update` is set, and its inputs must not have changed. */
  readonly previous?: Lock;
  readonly update: boolean;
}

/** What became of the Node.js input of one release and platform, or of a tool. */
type Acquired<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: Failure };

/**
 * Exact bytes for each cell of a recipe: downloaded, proven, stored for ever, and written down. A cell whose inputs
 * cannot be had is written down with the reason, and the others go on.
 * @throws Failure when nothing can be resolved at all, or when an input changed under its name
 */
export async function resolveLock(
  store: LayoutStore,
  loaded: LoadedRecipe,
  context: Context,
  options: ResolveOptions,
): Promise<Lock> {
  const { recipe } = loaded;
  requireKnownSuites(loaded);
  const chosenVariants = recipe.variants.map(variantNamed);
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    const nodeSource = await openNodeSource(recipe.node.source, ports);
    const keep = options.update ? undefined : options.previous;
    const releases = await chooseReleases();
    const systems = await resolveSystems(releases);
    const resolved = [...systems.values()].flatMap((result) => (result.kind === 'resolved' ? [result] : []));
    const libcs = new Set<Libc>(resolved.map(({ system }) => system.image?.libc ?? 'glibc'));
    const nodes = await acquireNodes(nodeSource, { releases, libcs: [...libcs], keep, context });
    const tools = await acquireTools(nodeSource, { releases, chosenVariants, keep });
    const unfit = await findUnfit(store, resolved, nodes);
    const { cells, unresolved } = decideCells(loaded, { releases, nodes, tools, systems, unfit });
    if (cells.length === 0 && releases.length > 0)
      throw firstFailure([...systems.values(), ...nodes.values(), ...tools.values(), ...unfit.values()]);
    const inputs = uniqueInputs([
      ...found(nodes),
      ...found(tools).flatMap((tool) => tool ?? []),
      ...resolved.flatMap((result) => result.inputs),
    ]);
    if (options.previous) refuseChangedInputs(options.previous, inputs);
    await restoreMissing(store, inputs, { loaded, context, aptFolder: options.aptFolder });
    await archiveInputs(
      store,
      inputs.map((input) => ({ digest: input.digest, size: input.size, title: describeInput(input) })),
    );
    return {
      lockVersion: 2,
      name: recipe.name,
      date: context.now.toISOString().slice(0, 10),
      selection: selectionDigest(recipe),
      inputs,
      systems: [...new Map(resolved.map(({ system }) => [system.id, system])).values()],
      cells,
      unresolved,
    };

    /** Each base × variant × platform once, and once more for each set of packages that overlays add. */
    async function resolveSystems(chosen: readonly ChosenRelease[]): Promise<Map<string, SystemResult>> {
      const made = new Map<string, SystemResult>();
      for (const [base, config] of Object.entries(recipe.bases)) {
        let packages: Promise<PackageSource> | undefined;
        let image: ImageSource | undefined;
        const sources: SystemSources = {
          keep,
          openPackages() {
            if (!('debian' in config)) throw new TypeError('an image has no packages');
            return (packages ??= openPackageSource(config, ports, { aptFolder: options.aptFolder }));
          },
          openImage() {
            if (!('image' in config)) throw new TypeError('a suite is no image');
            return (image ??= openBaseImage(config, ports, store));
          },
        };
        for (const platform of recipe.platforms) {
          for (const variant of chosenVariants) {
            for (const extra of extraPackages(loaded, chosen, { base, variant: variant.name })) {
              const request: SystemRequest = { base, config, variant, platform, extra };
              const key = systemKey(request);
              if (!made.has(key)) made.set(key, await resolveSystem(store, request, sources));
            }
          }
        }
        await reportMovedTag(image, { base, made: [...made.values()] });
        await image?.close();
      }
      return made;
    }

    /** A tag that means something else now is said, and not followed. */
    async function reportMovedTag(
      image: ImageSource | undefined,
      { base, made }: { readonly base: string; readonly made: readonly SystemResult[] },
    ): Promise<void> {
      const config = recipe.bases[base];
      if (!keep || !config || !('image' in config)) return;
      const locked = made
        .flatMap((result) => (result.kind === 'resolved' ? result.inputs : []))
        .find((input) => input.kind === 'image' && input.name === base);
      if (locked?.kind !== 'image') return;
      const source = image ?? openBaseImage(config, ports, store);
      const current = await source.current().catch(() => undefined);
      if (current !== undefined && current !== locked.origin.index)
        context.report({
          kind: 'notice',
          text: `bases.${base}: ${config.image} is ${current} now; the lock stays at ${locked.origin.index}. Follow it with \`nodeworthy lock --update\``,
        });
      if (!image) await source.close();
    }

    async function chooseReleases(): Promise<ChosenRelease[]> {
      if (keep && keep.selection === selectionDigest(recipe)) {
        const known = [...keep.cells, ...keep.unresolved].map(({ release, platforms }) => ({
          release,
          platforms: platforms.map((entry) => (typeof entry === 'string' ? entry : entry.platform)),
        }));
        return [...new Map(known.map((entry) => [entry.release, entry])).values()];
      }
      return await selectFrom(nodeSource, loaded, context);
    }
  } finally {
    await close();
  }
}

/** Overlays may add packages to some cells: each set of packages is a system of its own. */
function extraPackages(
  loaded: LoadedRecipe,
  releases: readonly ChosenRelease[],
  { base, variant }: { readonly base: string; readonly variant: string },
): string[][] {
  const sets = releases.map(({ release }) => packagesFor(loaded, cellId(release, base, variant)));
  return [...new Map(sets.map((packages) => [packages.join(' '), packages])).values()];
}

function packagesFor({ overlays }: LoadedRecipe, cell: string): string[] {
  return [...mergeOverlays(overlays, cell).packages];
}

/** Whether each release's binary starts on each image of somebody else; failures by `nodeKey` and system. */
async function findUnfit(
  store: LayoutStore,
  systems: readonly Extract<SystemResult, { kind: 'resolved' }>[],
  nodes: ReadonlyMap<string, Acquired<NodeInput>>,
): Promise<Map<string, Acquired<never>>> {
  const unfit = new Map<string, Acquired<never>>();
  for (const { system } of systems) {
    const { image } = system;
    if (!image) continue;
    const [base = '', , platform = ''] = system.id.split(' ');
    for (const node of found(nodes)) {
      if (node.platform !== platform || node.libc !== image.libc) continue;
      const checked = await settled(async () => {
        const binary = await readNodeBinary(store, node);
        await requireCompatible(store, image.digest, { binary, release: node.version, base, found: image });
      });
      if (checked.kind === 'failed') unfit.set(`${nodeKey(node)} ${system.id}`, checked);
    }
  }
  return unfit;
}

async function readNodeBinary(store: LayoutStore, node: NodeInput): Promise<ElfFile> {
  const expanded = await expandInput(store, node);
  const entry = expanded.entries.find((candidate) => candidate.entry.path === 'bin/node');
  const contents = openContents([contentFile(expanded)]);
  try {
    const { offset = 0, entry: file } = entry ?? {};
    const content = { kind: 'slice', input: expanded.content, offset, sizeBytes: file?.sizeBytes ?? 0 } as const;
    const elf = readElf(contents.random(content), describeInput(node));
    if (elf) return elf;
    throw new Failure('SOURCE_INVALID', `${describeInput(node)}: bin/node is no program`);
  } finally {
    await contents.close();
  }
}

interface NodesWanted {
  readonly releases: readonly ChosenRelease[];
  readonly libcs: readonly Libc[];
  readonly keep: Lock | undefined;
  readonly context: Context;
}

async function acquireNodes(
  source: NodeSource,
  { releases, libcs, keep, context }: NodesWanted,
): Promise<Map<string, Acquired<NodeInput>>> {
  const wanted = releases.flatMap(({ release, platforms }) =>
    platforms.flatMap((platform) => libcs.map((libc) => ({ version: release, platform, libc }))),
  );
  const acquired = await mapConcurrent(wanted, context.concurrency, async ({ version, platform, libc }) => {
    const pinned = keep?.inputs.find(
      (input): input is NodeInput =>
        input.kind === 'node' && input.version === version && input.platform === platform && input.libc === libc,
    );
    return await settled(async () => pinned ?? (await source.acquire(version, platform, libc)));
  });
  return new Map(wanted.map((entry, at) => [nodeKey(entry), acquired[at] as Acquired<NodeInput>]));
}

/** Tools by name and range; each is asked for once. */
async function acquireTools(
  source: NodeSource,
  {
    releases,
    chosenVariants,
    keep,
  }: { releases: readonly ChosenRelease[]; chosenVariants: readonly Variant[]; keep?: Lock },
): Promise<Map<string, Acquired<ToolInput | undefined>>> {
  const tools = new Map<string, Acquired<ToolInput | undefined>>();
  if (!chosenVariants.some((variant) => variant.node.includes('npm'))) return tools;
  for (const { release } of releases) {
    for (const { name, range } of toolsOf(release)) {
      const key = `${name} ${range}`;
      if (tools.has(key)) continue;
      const pinned = keep?.inputs.find(
        (input): input is ToolInput =>
          input.kind === 'tool' && input.name === name && semver.satisfies(input.version, range),
      );
      tools.set(key, await settled(async () => pinned ?? (await source.acquireTool(name, range))));
    }
  }
  return tools;
}

interface Acquisitions {
  readonly releases: readonly ChosenRelease[];
  readonly nodes: ReadonlyMap<string, Acquired<NodeInput>>;
  readonly tools: ReadonlyMap<string, Acquired<ToolInput | undefined>>;
  readonly systems: ReadonlyMap<string, SystemResult>;
  readonly unfit: ReadonlyMap<string, Acquired<never>>;
}

/** Every cell of the recipe is in one of the two lists. */
function decideCells(loaded: LoadedRecipe, { releases, nodes, tools, systems, unfit }: Acquisitions) {
  const { recipe } = loaded;
  const cells: LockedCell[] = [];
  const unresolved: UnresolvedCell[] = [];
  for (const { release, platforms } of releases) {
    for (const [base, config] of Object.entries(recipe.bases)) {
      for (const variant of recipe.variants.map(variantNamed)) {
        const facts = { id: cellId(release, base, variant.name), release, base, variant: variant.name };
        const extra = packagesFor(loaded, facts.id);
        try {
          cells.push({
            ...facts,
            configuration: configurationDigest(release, settingsFor(loaded, facts)),
            platforms: platforms.map((platform) => {
              const result = systems.get(systemKey({ base, config, variant, platform, extra }));
              if (result?.kind !== 'resolved') throw result?.failure ?? new TypeError(`no system for ${facts.id}`);
              const { system } = result;
              const key = nodeKey({ version: release, platform, libc: system.image?.libc ?? 'glibc' });
              const node = require(nodes.get(key));
              const problem = unfit.get(`${key} ${system.id}`);
              if (problem) require(problem);
              const own = variant.node.includes('npm')
                ? toolsOf(release).flatMap(({ name, range }) => require(tools.get(`${name} ${range}`)) ?? [])
                : [];
              return {
                platform,
                node: node.digest,
                tools: own.map((tool) => tool.digest),
                system: system.id,
                created: Math.max(node.time, system.time, ...own.map((tool) => tool.time)),
              };
            }),
          });
        } catch (error) {
          if (!isFailure(error)) throw error;
          unresolved.push({ ...facts, platforms: [...platforms], reason: error.message, hint: error.hint });
        }
      }
    }
  }
  return { cells, unresolved };
}

function require<T>(acquired: Acquired<T> | undefined): T {
  if (acquired === undefined) throw new TypeError('an input was never asked for');
  if (acquired.kind === 'failed') throw acquired.failure;
  return acquired.value;
}

async function settled<T>(work: () => Promise<T>): Promise<Acquired<T>> {
  try {
    return { kind: 'found', value: await work() };
  } catch (error) {
    if (!isFailure(error) || error.code === 'DISK_FULL' || error.code === 'INTERRUPTED') throw error;
    return { kind: 'failed', failure: error };
  }
}

function found<T>(acquired: ReadonlyMap<string, Acquired<T>>): T[] {
  return [...acquired.values()].flatMap((entry) => (entry.kind === 'found' ? [entry.value] : []));
}

function firstFailure(results: readonly (SystemResult | Acquired<unknown>)[]): unknown {
  return results.flatMap((result) => (result.kind === 'failed' ? [result.failure] : []))[0];
}

function nodeKey({ version, platform, libc }: Pick<NodeInput, 'version' | 'platform' | 'libc'>): string {
  return `${version} ${platform} ${libc}`;
}

/** A system as it is asked for: variants that share an image are asked for one by one. */
function systemKey(request: SystemRequest): string {
  return `${systemId(request)} for ${request.variant.name}`;
}

/** A version is a promise: other bytes under the same name and version are an alarm, not an update. */
function refuseChangedInputs(previous: Lock, inputs: readonly Input[]): void {
  const known = new Map(previous.inputs.map((input) => [inputKey(input), input]));
  for (const input of inputs) {
    const before = known.get(inputKey(input));
    if (!before || before.digest === input.digest) continue;
    throw new Failure('INPUT_CHANGED', `${describeInput(input)} was ${before.digest}, and is now ${input.digest}`, {
      hint: 'the source replaced bytes under the same version; ask its publisher, and remove the entry from the lock only when you trust the answer',
    });
  }
}

function uniqueInputs(inputs: readonly Input[]): Input[] {
  return [...new Map(inputs.map((input) => [input.digest, input])).values()];
}
