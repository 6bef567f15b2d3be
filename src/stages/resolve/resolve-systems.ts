import type { BaseConfig } from '../../config/recipe-schema.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { digestOf } from '../../core/digest.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import { reviewScripts } from '../../sources/debian/review-scripts.ts';
import { expandInput, newestTime } from '../../sources/expand-input.ts';
import type { DebInput, ImageInput, Input } from '../../sources/input.ts';
import type { ImageSource, PackageSource } from '../../sources/source.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { variants, type Variant } from '../plan/variants.ts';
import { detectBase } from './detect-base.ts';
import { packagesOf, type Lock, type LockedSystem } from './lock.ts';
import { suiteOf } from './restore-missing.ts';

/** What became of one base × variant × platform: packages in groups, or the reason why not. */
export type SystemResult =
  | { readonly kind: 'resolved'; readonly system: LockedSystem; readonly inputs: readonly (DebInput | ImageInput)[] }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface SystemRequest {
  readonly base: string;
  readonly config: BaseConfig;
  readonly variant: Variant;
  readonly platform: string;
  /** Packages that overlays add. */
  readonly extra: readonly string[];
}

/** All variants share an image of somebody else; a system with more packages is another one. */
export function systemId({ base, config, variant, platform, extra }: SystemRequest): string {
  if ('image' in config) return `${base} image ${platform}`;
  return [base, variant.name, platform, ...extra.map((name) => `+${name}`)].join(' ');
}

export interface SystemSources {
  readonly openPackages: () => Promise<PackageSource>;
  readonly openImage: () => ImageSource;
  /** Lock whose pins stay as they are. */
  readonly keep?: Lock;
}

/**
 * The packages of one system, proven and stored. A failure is this system's own: the cells on others go on.
 */
export async function resolveSystem(
  store: LayoutStore,
  request: SystemRequest,
  sources: SystemSources,
): Promise<SystemResult> {
  try {
    if ('image' in request.config) return await resolveImage(store, request, sources);
    const { keep, openPackages } = sources;
    const groups = (keep && pinnedPackages(keep, request)) ?? (await acquireGroups(request, openPackages));
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
    return { kind: 'resolved', system, inputs: packages };
  } catch (error) {
    if (!isFailure(error) || ['DISK_FULL', 'INPUT_CHANGED', 'INTERRUPTED'].includes(error.code)) throw error;
    return { kind: 'failed', failure: error };
  }
}

/** An image that lies below, with what was found out about it. */
async function resolveImage(
  store: LayoutStore,
  { base, variant, platform, extra, config }: SystemRequest,
  { openImage, keep }: SystemSources,
): Promise<SystemResult> {
  if (variant.extends !== undefined)
    throw new Failure('SELECTION_EMPTY', `bases.${base}: there is no ${variant.name} variant on an image`, {
      hint: 'a compiler comes from Debian’s packages: leave the variant out, or add a Debian base for it',
    });
  if (extra.length > 0)
    throw new Failure('SELECTION_EMPTY', `bases.${base}: packages cannot be added to an image: ${extra.join(', ')}`, {
      hint: 'build an image that has them, and name it as the base; or limit the overlay to other cells',
    });
  const input = (keep && pinnedImage(keep, { base, config, platform })) ?? (await openImage().acquire(base, platform));
  const facts = await detectBase(store, input.digest, base);
  const system: LockedSystem = {
    id: `${base} image ${platform}`,
    packages: [],
    image: { digest: input.digest, ...facts },
    time: input.time,
  };
  return { kind: 'resolved', system, inputs: [input] };
}

async function acquireGroups(
  { config, variant, platform, extra }: SystemRequest,
  open: () => Promise<PackageSource>,
): Promise<DebInput[][]> {
  if (!('debian' in config)) throw new TypeError('only Debian has packages');
  const source = await open();
  const { pockets } = findSuite(config.debian, config.debian);
  const groups: DebInput[][] = [];
  const acquire = async (packages: readonly string[], installed: boolean, isFirst: boolean): Promise<void> => {
    groups.push(
      await source.acquire({
        suite: config.debian,
        pockets,
        architecture: architectureOf(platform),
        packages,
        required: installed && isFirst,
        runsScripts: installed,
        present: groups.flat(),
      }),
    );
  };
  for (const step of chainOf(variant)) {
    const packages = Object.keys(step.packages);
    // Rules write the records of an assembled system as a whole: what is added belongs to its one group.
    const whole = step.system === 'assembled' ? [...packages, ...extra] : packages;
    await acquire(whole, step.system === 'installed', step.extends === undefined);
  }
  if (variant.system === 'installed' && extra.length > 0) await acquire(extra, true, false);
  return groups.filter((group) => group.length > 0);
}

/** A variant and those it lies on, the lowest first. */
function chainOf(variant: Variant): Variant[] {
  const below = variant.extends === undefined ? undefined : variants[variant.extends];
  return below ? [...chainOf(below), variant] : [variant];
}

/** What a lock has for a system; none when it has to be found out. */
export function pinnedInputs(lock: Lock, request: SystemRequest): readonly Input[] {
  if (!('image' in request.config)) return pinnedPackages(lock, request)?.flat() ?? [];
  const image = pinnedImage(lock, request);
  return image ? [image] : [];
}

function pinnedImage(
  { inputs }: Lock,
  { base, config, platform }: Pick<SystemRequest, 'base' | 'config' | 'platform'>,
): ImageInput | undefined {
  const reference = digestOf('image' in config ? config.image : '');
  return inputs.find(
    (input): input is ImageInput =>
      input.kind === 'image' &&
      input.name === base &&
      input.platform === platform &&
      input.origin.reference === reference,
  );
}

function pinnedPackages(lock: Lock, request: SystemRequest): DebInput[][] | undefined {
  const system = lock.systems.find((candidate) => candidate.id === systemId(request));
  const groups = system && packagesOf(lock, system);
  const suite = 'debian' in request.config ? request.config.debian : undefined;
  const names = new Set(groups?.flat().map((input) => input.name));
  const wanted = [...chainOf(request.variant).flatMap(({ packages }) => Object.keys(packages)), ...request.extra];
  const fits =
    wanted.every((name) => names.has(name)) && groups?.flat().every((input) => suiteOf(input.origin.suite) === suite);
  return fits ? groups : undefined;
}
