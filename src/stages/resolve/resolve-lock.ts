import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { compressions } from '../../formats/layer-compression.ts';
import { describeInput, type Input, type NodeInput, type ToolInput } from '../../sources/input.ts';
import { openNodeSource, openPackageSource } from '../../sources/open-source.ts';
import type { NodeSource, PackageSource } from '../../sources/source.ts';
import { archiveInputs } from '../../store/input-archive.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { toolsOf } from '../catalog/npm-lines.ts';
import { cellId } from '../plan/cell.ts';
import { configurationDigest, variants, type Variant } from '../plan/variants.ts';
import { selectFrom, type ChosenRelease } from './find-releases.ts';
import { inputKey, selectionDigest, type Lock, type LockedCell, type UnresolvedCell } from './lock.ts';
import { resolveSystem, systemId, type SystemRequest, type SystemResult } from './resolve-systems.ts';
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
  for (const [name, base] of Object.entries(recipe.bases)) findSuite(base.debian, name);
  const chosenVariants = recipe.variants.map(variantOf);
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    const nodeSource = await openNodeSource(recipe.node.source, ports);
    const keep = options.update ? undefined : options.previous;
    const releases = await chooseReleases();
    const nodes = await acquireNodes(nodeSource, releases, keep, context);
    const tools = await acquireTools(nodeSource, { releases, chosenVariants, keep });
    const systems = new Map<string, SystemResult>();
    for (const [base, config] of Object.entries(recipe.bases)) {
      let opened: Promise<PackageSource> | undefined;
      const open = () => (opened ??= openPackageSource(config, ports, { aptFolder: options.aptFolder }));
      for (const platform of recipe.platforms) {
        for (const variant of chosenVariants) {
          const request: SystemRequest = { base, config, variant, platform };
          systems.set(systemId(request), await resolveSystem(store, request, { open, keep }));
        }
      }
    }
    const resolved = [...systems.values()].flatMap((result) => (result.kind === 'resolved' ? [result] : []));
    const { cells, unresolved } = decideCells(loaded, { releases, nodes, tools, systems });
    if (cells.length === 0) throw firstFailure([...systems.values(), ...nodes.values(), ...tools.values()]);
    const inputs = uniqueInputs([
      ...found(nodes),
      ...found(tools).flatMap((tool) => tool ?? []),
      ...resolved.flatMap((result) => result.packages),
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
      systems: resolved.map((result) => result.system),
      cells,
      unresolved,
    };

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

async function acquireNodes(
  source: NodeSource,
  releases: readonly ChosenRelease[],
  keep: Lock | undefined,
  context: Context,
): Promise<Map<string, Acquired<NodeInput>>> {
  const wanted = releases.flatMap(({ release, platforms }) => platforms.map((platform) => ({ release, platform })));
  const acquired = await mapConcurrent(wanted, context.concurrency, async ({ release, platform }) => {
    const pinned = keep?.inputs.find(
      (input): input is NodeInput => input.kind === 'node' && input.version === release && input.platform === platform,
    );
    return await settled(async () => pinned ?? (await source.acquire(release, platform)));
  });
  return new Map(
    wanted.map((entry, at) => [nodeKey(entry.release, entry.platform), acquired[at] as Acquired<NodeInput>]),
  );
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
}

/** Every cell of the recipe is in one of the two lists. */
function decideCells({ recipe }: LoadedRecipe, { releases, nodes, tools, systems }: Acquisitions) {
  const cells: LockedCell[] = [];
  const unresolved: UnresolvedCell[] = [];
  for (const { release, platforms } of releases) {
    for (const [base, config] of Object.entries(recipe.bases)) {
      for (const variant of recipe.variants.map(variantOf)) {
        const facts = { id: cellId(release, base, variant.name), release, base, variant: variant.name };
        try {
          cells.push({
            ...facts,
            configuration: configurationDigest(release, variant, compressions[recipe.compression].id),
            platforms: platforms.map((platform) => {
              const node = require(nodes.get(nodeKey(release, platform)));
              const system = systems.get(systemId({ base, config, variant, platform }));
              if (system?.kind !== 'resolved') throw system?.failure ?? new TypeError(`no system for ${facts.id}`);
              const own = variant.node.includes('npm')
                ? toolsOf(release).flatMap(({ name, range }) => require(tools.get(`${name} ${range}`)) ?? [])
                : [];
              return {
                platform,
                node: node.digest,
                tools: own.map((tool) => tool.digest),
                system: system.system.id,
                created: Math.max(node.time, system.system.time, ...own.map((tool) => tool.time)),
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

function variantOf(name: string): Variant {
  const variant = variants[name];
  if (!variant) throw new TypeError(`no variant ${name}`);
  return variant;
}

function nodeKey(release: string, platform: string): string {
  return `${release} ${platform}`;
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
