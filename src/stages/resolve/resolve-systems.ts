import type { BaseConfig } from '../../config/recipe-schema.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import { reviewScripts } from '../../sources/debian/review-scripts.ts';
import { expandInput, newestTime } from '../../sources/expand-input.ts';
import type { DebInput } from '../../sources/input.ts';
import type { PackageSource } from '../../sources/source.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { variants, type Variant } from '../plan/variants.ts';
import { packagesOf, type Lock, type LockedSystem } from './lock.ts';
import { suiteOf } from './restore-missing.ts';

/** What became of one base × variant × platform: packages in groups, or the reason why not. */
export type SystemResult =
  | { readonly kind: 'resolved'; readonly system: LockedSystem; readonly packages: readonly DebInput[] }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface SystemRequest {
  readonly base: string;
  readonly config: BaseConfig;
  readonly variant: Variant;
  readonly platform: string;
}

export function systemId({ base, variant, platform }: SystemRequest): string {
  return `${base} ${variant.name} ${platform}`;
}

/**
 * The packages of one system, proven and stored. A failure is this system's own: the cells on others go on.
 * @param keep lock whose pins stay as they are
 */
export async function resolveSystem(
  store: LayoutStore,
  request: SystemRequest,
  options: { readonly open: () => Promise<PackageSource>; readonly keep?: Lock },
): Promise<SystemResult> {
  try {
    const groups = (options.keep && pinned(options.keep, request)) ?? (await acquireGroups(request, options.open));
    const packages = groups.flat();
    const expanded = await mapConcurrent(packages, 2, async (input) => {
      const made = await expandInput(store, input);
      if (request.variant.system === 'assembled')
        reviewScripts(input.name, input.version, new Map(Object.entries(made.control)));
      return made;
    });
    const system: LockedSystem = {
      id: systemId(request),
      packages: groups.map((group) => group.map((input) => input.digest).sort()),
      time: newestTime(expanded),
    };
    return { kind: 'resolved', system, packages };
  } catch (error) {
    if (!isFailure(error) || ['DISK_FULL', 'INPUT_CHANGED', 'INTERRUPTED'].includes(error.code)) throw error;
    return { kind: 'failed', failure: error };
  }
}

async function acquireGroups(
  { config, variant, platform }: SystemRequest,
  open: () => Promise<PackageSource>,
): Promise<DebInput[][]> {
  const source = await open();
  const groups: DebInput[][] = [];
  for (const step of chainOf(variant)) {
    const installed = step.system === 'installed';
    groups.push(
      await source.acquire({
        suite: config.debian,
        architecture: architectureOf(platform),
        packages: Object.keys(step.packages),
        required: installed && step.extends === undefined,
        runsScripts: installed,
        present: groups.flat(),
      }),
    );
  }
  return groups;
}

/** A variant and those it lies on, the lowest first. */
function chainOf(variant: Variant): Variant[] {
  const below = variant.extends === undefined ? undefined : variants[variant.extends];
  return below ? [...chainOf(below), variant] : [variant];
}

function pinned(lock: Lock, request: SystemRequest): DebInput[][] | undefined {
  const system = lock.systems.find((candidate) => candidate.id === systemId(request));
  const groups = system && packagesOf(lock, system);
  const fits = groups?.flat().every((input) => suiteOf(input.origin.suite) === request.config.debian);
  return fits ? groups : undefined;
}
