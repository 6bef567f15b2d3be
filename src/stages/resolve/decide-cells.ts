import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { Failure, isFailure } from '../../core/errors.ts';
import type { NodeInput, ToolInput } from '../../sources/input.ts';
import { toolsOf } from '../catalog/npm-lines.ts';
import { lineOfRelease, phaseOf } from '../catalog/release-lines.ts';
import { cellId } from '../plan/cell.ts';
import { configurationDigest, settingsFor } from '../plan/image-settings.ts';
import { mergeOverlays } from '../plan/merge-overlays.ts';
import { variantNamed } from '../plan/variants.ts';
import { found, nodeKey, requireAcquired, type Acquired } from './acquired.ts';
import type { ChosenRelease } from './find-releases.ts';
import { answersOf, type LockedCell, type ProbedRelease, type UnresolvedCell } from './lock.ts';
import { systemId, type SystemRequest, type SystemResult } from './resolve-systems.ts';

export interface Acquisitions {
  readonly releases: readonly ChosenRelease[];
  readonly nodes: ReadonlyMap<string, Acquired<NodeInput>>;
  readonly tools: ReadonlyMap<string, Acquired<ToolInput | undefined>>;
  readonly systems: ReadonlyMap<string, SystemResult>;
  readonly unfit: ReadonlyMap<string, Acquired<never>>;
  /** Answers of binaries that were asked, by release. */
  readonly probed: ReadonlyMap<string, Acquired<ProbedRelease>>;
  readonly now: Date;
}

/** Every cell of the recipe is in one of the two lists. */
export function decideCells(
  loaded: LoadedRecipe,
  { releases, nodes, tools, systems, unfit, probed, now }: Acquisitions,
) {
  const { recipe } = loaded;
  const cells: LockedCell[] = [];
  const unresolved: UnresolvedCell[] = [];
  const answers = answersOf({ probed: found(probed) });
  for (const { release, platforms } of releases) {
    for (const [base, config] of Object.entries(recipe.bases)) {
      for (const variant of recipe.variants.map(variantNamed)) {
        const facts = { id: cellId(release, base, variant.name), release, base, variant: variant.name };
        const extra = packagesFor(loaded, facts.id);
        try {
          requireWanted(release, recipe, now);
          if (probed.has(release)) requireAcquired(probed.get(release));
          cells.push({
            ...facts,
            configuration: configurationDigest(release, settingsFor(loaded, facts, answers)),
            platforms: platforms.map((platform) => {
              const result = systems.get(systemKey({ base, config, variant, platform, extra }));
              if (result?.kind !== 'resolved') throw result?.failure ?? new TypeError(`no system for ${facts.id}`);
              const { system } = result;
              const key = nodeKey({ version: release, platform, libc: system.image?.libc ?? 'glibc' });
              const node = requireAcquired(nodes.get(key));
              const problem = unfit.get(`${key} ${system.id}`);
              if (problem) requireAcquired(problem);
              const own = variant.node.includes('npm')
                ? toolsOf(release).flatMap(({ name, range }) => requireAcquired(tools.get(`${name} ${range}`)) ?? [])
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

/** @throws Failure RECIPE_INVALID for a release of a line past its end that nobody asked for */
function requireWanted(release: string, { node }: LoadedRecipe['recipe'], now: Date): void {
  const line = lineOfRelease(release);
  if (!line || phaseOf(line, now) !== 'end-of-life' || node.endOfLife) return;
  throw new Failure(
    'RECIPE_INVALID',
    `Node.js ${release}: its line ended on ${line.end}, and the recipe does not say that it wants such a line`,
    {
      hint: 'move to a maintained line, or say why under node: `endOfLife: { reason: … }`; then run `nodeworthy lock`',
    },
  );
}

/** Overlays may add packages to some cells: each set of packages is a system of its own. */
export function extraPackages(
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

/** A system as it is asked for: variants that share an image are asked for one by one. */
export function systemKey(request: SystemRequest): string {
  return `${systemId(request)} for ${request.variant.name}`;
}
