import type { Context } from '../../core/context.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { describeInput, type Input, type Libc } from '../../sources/input.ts';
import { openBaseImage, openNodeSource, openPackageSource } from '../../sources/open-source.ts';
import type { ImageSource, PackageSource } from '../../sources/source.ts';
import { archiveInputs } from '../../store/input-archive.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { variantNamed } from '../plan/variants.ts';
import { acquireNodes, acquireTools } from './acquire-distributions.ts';
import { found, type Acquired } from './acquired.ts';
import { decideCells, extraPackages, systemKey } from './decide-cells.ts';
import { awaitedReleases, requireKnownSuites, selectFrom, type ChosenRelease } from './find-releases.ts';
import { findUnfit } from './find-unfit.ts';
import { inputKey, selectionDigest, type Lock } from './lock.ts';
import { probeReleases, type Questions } from './probe-releases.ts';
import {
  pinnedInputs,
  resolveSystem,
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
  /** For releases that the data does not speak of. */
  readonly questions: Questions;
}

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
    const present = new Set<Digest>();
    const releases = await chooseReleases();
    const systems = await resolveSystems(releases);
    const resolved = [...systems.values()].flatMap((result) => (result.kind === 'resolved' ? [result] : []));
    const libcs = new Set<Libc>(resolved.map(({ system }) => system.image?.libc ?? 'glibc'));
    const nodes = await acquireNodes(nodeSource, { releases, libcs: [...libcs], keep, context });
    const tools = await acquireTools(nodeSource, { releases, chosenVariants, keep });
    await restore([...found(nodes), ...found(tools).flatMap((tool) => tool ?? [])]);
    const unfit = await findUnfit(store, resolved, nodes);
    const acquired = { releases, nodes, tools, systems, unfit, now: context.now };
    const first = decideCells(loaded, { ...acquired, probed: new Map() });
    if (first.cells.length === 0 && releases.length > 0)
      throw firstFailure([...systems.values(), ...nodes.values(), ...tools.values(), ...unfit.values()]);
    const inputs = uniqueInputs([
      ...found(nodes),
      ...found(tools).flatMap((tool) => tool ?? []),
      ...resolved.flatMap((result) => result.inputs),
    ]);
    if (options.previous) refuseChangedInputs(options.previous, inputs);
    await archiveInputs(
      store,
      inputs.map((input) => ({ digest: input.digest, size: input.size, title: describeInput(input) })),
    );
    const awaited = awaitedReleases(releases);
    const draft: Lock = {
      lockVersion: 2,
      name: recipe.name,
      date: context.now.toISOString().slice(0, 10),
      selection: selectionDigest(recipe),
      inputs,
      systems: [...new Map(resolved.map(({ system }) => [system.id, system])).values()],
      ...first,
      ...(awaited.length > 0 ? { awaited } : {}),
    };
    const probed = await probeReleases(draft, { loaded, previous: keep, questions: options.questions, context });
    if (probed.size === 0) return draft;
    const answers = found(probed);
    return {
      ...draft,
      ...decideCells(loaded, { ...acquired, probed }),
      ...(answers.length > 0 ? { probed: answers } : {}),
    };

    /**
     * What a lock pins and the store lacks, as in a fresh clone, before it is looked at. A pin that cannot be had now
     * is no reason to write a lock without it: nothing is written then.
     */
    async function restore(wanted: readonly Input[]): Promise<void> {
      await restoreMissing(store, wanted, { loaded, context, aptFolder: options.aptFolder, present });
    }

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
              if (made.has(key)) continue;
              if (keep) await restore(pinnedInputs(keep, request));
              made.set(key, await resolveSystem(store, request, sources));
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
        const releases = [...new Map(known.map((entry) => [entry.release, entry])).values()];
        return releases.map((entry) => {
          const found = keep.awaited?.find(({ taken }) => taken === entry.release);
          return found ? { ...entry, awaited: { release: found.release, missing: found.missing } } : entry;
        });
      }
      return await selectFrom(nodeSource, loaded, context);
    }
  } finally {
    await close();
  }
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

function firstFailure(results: readonly (SystemResult | Acquired<unknown>)[]): unknown {
  return results.flatMap((result) => (result.kind === 'failed' ? [result.failure] : []))[0];
}
