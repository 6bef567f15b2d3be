import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { Failure } from '../../core/errors.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { compressions } from '../../formats/layer-compression.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import { expandInput, newestTime } from '../../sources/expand-input.ts';
import { describeInput, type DebInput, type Input, type NodeInput } from '../../sources/input.ts';
import { openNodeSource, openPackageSource } from '../../sources/open-source.ts';
import { reviewScripts } from '../../sources/debian/review-scripts.ts';
import { archiveInputs } from '../../store/input-archive.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { cellId } from '../plan/cell.ts';
import { configurationDigest, variants } from '../plan/variants.ts';
import { selectFrom } from './find-releases.ts';
import { inputKey, selectionDigest, type Lock, type LockedCell } from './lock.ts';
import { createSourcePorts } from './source-ports.ts';

export interface ResolveOptions {
  readonly aptFolder: string;
  /** Earlier lock: its pins are kept unless `update` is set, and its inputs must not have changed. */
  readonly previous?: Lock;
  readonly update: boolean;
}

/** Exact bytes for each cell of a recipe: downloaded, proven, stored for ever, and written down. */
export async function resolveLock(
  store: LayoutStore,
  loaded: LoadedRecipe,
  context: Context,
  options: ResolveOptions,
): Promise<Lock> {
  const { recipe } = loaded;
  for (const [name, base] of Object.entries(recipe.bases)) findSuite(base.debian, name);
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    const nodeSource = await openNodeSource(recipe.node.source, ports);
    const keep = options.update ? undefined : options.previous;
    const releases = await chooseReleases();
    const nodes = await mapConcurrent(
      releases.flatMap((release) => recipe.platforms.map((platform) => ({ release, platform }))),
      context.concurrency,
      async ({ release, platform }) => {
        const pinned = keep?.inputs.find(
          (input) => input.kind === 'node' && input.version === release && input.platform === platform,
        ) as NodeInput | undefined;
        return pinned ?? (await nodeSource.acquire(release, platform));
      },
    );
    const packages = new Map<string, DebInput[]>();
    for (const [name, base] of Object.entries(recipe.bases)) {
      const source = await openPackageSource(base, ports, { aptFolder: options.aptFolder });
      for (const platform of recipe.platforms) {
        for (const variant of recipe.variants) {
          const wanted = Object.keys(variants[variant]?.packages ?? {});
          const pinned = keep && pinnedPackages(keep, name, { variant, platform, suite: base.debian });
          packages.set(
            packageKey(name, variant, platform),
            pinned ??
              (await source.acquire({ suite: base.debian, architecture: architectureOf(platform), packages: wanted })),
          );
        }
      }
    }
    const inputs = uniqueInputs([...nodes, ...[...packages.values()].flat()]);
    if (options.previous) refuseChangedInputs(options.previous, inputs);
    await restoreMissing(store, inputs, { loaded, context, aptFolder: options.aptFolder });
    await archiveInputs(
      store,
      inputs.map((input) => ({ digest: input.digest, size: input.size, title: describeInput(input) })),
    );
    const cells = await lockCells(releases, nodes, packages);
    return {
      lockVersion: 1,
      name: recipe.name,
      date: context.now.toISOString().slice(0, 10),
      selection: selectionDigest(recipe),
      inputs,
      cells,
    };

    async function chooseReleases(): Promise<string[]> {
      if (keep && keep.selection === selectionDigest(recipe))
        return [...new Set(keep.cells.map((cell) => cell.release))];
      return await selectFrom(nodeSource, loaded, context);
    }
  } finally {
    await close();
  }

  async function lockCells(
    releases: readonly string[],
    nodes: readonly NodeInput[],
    packages: ReadonlyMap<string, DebInput[]>,
  ): Promise<LockedCell[]> {
    const times = new Map<string, number>();
    for (const [key, list] of packages) times.set(key, newestTime(await reviewed(store, list)));
    const cells: LockedCell[] = [];
    for (const release of releases) {
      for (const base of Object.keys(recipe.bases)) {
        for (const name of recipe.variants) {
          const variant = variants[name];
          if (!variant) throw new TypeError(`no variant ${name}`);
          const platforms = recipe.platforms.map((platform) => {
            const node = nodes.find((input) => input.version === release && input.platform === platform);
            const list = packages.get(packageKey(base, name, platform)) ?? [];
            if (!node) throw new TypeError(`no Node.js input for ${release} on ${platform}`);
            return {
              platform,
              inputs: [node.digest, ...list.map((input) => input.digest)].sort(),
              created: Math.max(node.time, times.get(packageKey(base, name, platform)) ?? 0),
            };
          });
          cells.push({
            id: cellId(release, base, name),
            release,
            base,
            variant: name,
            configuration: configurationDigest(release, variant, compressions[recipe.compression].id),
            platforms,
          });
        }
      }
    }
    return cells;
  }
}

/** Brings back what a lock names and the store lacks, and proves it is the same bytes. */
export async function restoreMissing(
  store: LayoutStore,
  inputs: readonly Input[],
  options: { readonly loaded: LoadedRecipe; readonly context: Context; readonly aptFolder: string },
): Promise<number> {
  const { loaded, context } = options;
  const missing: Input[] = [];
  for (const input of inputs) if (!(await store.hasBlob(input.digest, input.size))) missing.push(input);
  if (missing.length === 0) return 0;
  const { ports, close } = createSourcePorts(store, loaded, context);
  try {
    for (const input of missing) {
      if (input.kind === 'node') await (await openNodeSource(loaded.recipe.node.source, ports)).restore(input);
      else {
        const suite = input.origin.suite.replace(/-(?:updates|security)$/, '');
        const base = Object.values(loaded.recipe.bases).find((candidate) => candidate.debian === suite);
        if (!base)
          throw new Failure(
            'LOCK_OUTDATED',
            `${describeInput(input)} comes from ${suite}, which is no base of the recipe`,
            { hint: 'run `nodeworthy lock`' },
          );
        await (await openPackageSource(base, ports, { aptFolder: options.aptFolder })).restore(input);
      }
      if (!(await store.hasBlob(input.digest, input.size))) {
        throw new Failure('INPUT_CHANGED', `${describeInput(input)} is not the same bytes that were locked`, {
          hint: 'it changed under the same name: treat it as an attack until the publisher explains it',
        });
      }
    }
  } finally {
    await close();
  }
  return missing.length;
}

async function reviewed(store: LayoutStore, inputs: readonly DebInput[]) {
  return await mapConcurrent(inputs, 2, async (input) => {
    const expanded = await expandInput(store, input);
    reviewScripts(input.name, input.version, new Map(Object.entries(expanded.control)));
    return expanded;
  });
}

function pinnedPackages(
  lock: Lock,
  base: string,
  { variant, platform, suite }: { variant: string; platform: string; suite: string },
): DebInput[] | undefined {
  const cell = lock.cells.find((candidate) => candidate.base === base && candidate.variant === variant);
  const digests = new Set(cell?.platforms.find((candidate) => candidate.platform === platform)?.inputs ?? []);
  const found = lock.inputs.filter((input): input is DebInput => input.kind === 'deb' && digests.has(input.digest));
  const fits =
    found.length > 0 && found.every((input) => input.origin.suite.replace(/-(?:updates|security)$/, '') === suite);
  return fits ? found : undefined;
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

function packageKey(base: string, variant: string, platform: string): string {
  return `${base} ${variant} ${platform}`;
}
