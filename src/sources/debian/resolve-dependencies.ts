import { Failure } from '../../core/errors.ts';
import { compareText } from '../../core/canonical-json.ts';
import type { PackageRelation } from '../../formats/deb/relations.ts';
import { satisfiesRelation } from '../../formats/deb/version.ts';
import { dependenciesOf, type IndexedPackage, type PackageIndex } from './package-index.ts';

export interface ResolutionPolicy {
  /** Dependencies that only a skipped maintainer script uses; see the package catalogue. */
  readonly isSkipped: (owner: string, dependency: string) => boolean;
  /** What lies below already; it is not part of the answer. */
  readonly present?: readonly { readonly name: string; readonly version: string }[];
}

/**
 * The packages that `wanted` needs, each once, sorted by name. Like apt without recommendations: the first alternative
 * that can be had is taken, unless a later one is chosen already; the best version of a name wins.
 * @throws Failure DEPENDENCY_UNSATISFIED names who asked for what.
 */
export function resolveDependencies(
  wanted: readonly string[],
  index: PackageIndex,
  policy: ResolutionPolicy,
): IndexedPackage[] {
  const chosen = new Map<string, IndexedPackage>();
  const below = new Set<IndexedPackage>();
  for (const { name, version } of policy.present ?? []) {
    const [entry] = index.candidates({ name, relation: '=', version }).filter((candidate) => candidate.name === name);
    if (!entry)
      throw new Failure('DEPENDENCY_UNSATISFIED', `the archive has no ${name} ${version} any more, which lies below`, {
        hint: 'refresh the lock with `nodeworthy lock --update`',
      });
    chosen.set(name, entry);
    below.add(entry);
  }
  const queue: { readonly relations: readonly PackageRelation[]; readonly owner: string }[] = wanted.map((name) => ({
    relations: [{ name }],
    owner: 'the variant',
  }));
  while (queue.length > 0) {
    const { relations, owner } = queue.shift() as (typeof queue)[number];
    if (relations.some((relation) => policy.isSkipped(owner, relation.name))) continue;
    if (relations.some((relation) => isSatisfied(relation, chosen, index))) continue;
    const pick = relations
      .flatMap((relation) => index.candidates(relation))
      .find((candidate) => !conflictsWithChoice(candidate, chosen));
    if (!pick) throw unsatisfied(relations, owner, chosen);
    chosen.set(pick.name, pick);
    for (const group of dependenciesOf(pick)) queue.push({ relations: group, owner: pick.name });
  }
  return [...chosen.values()].filter((entry) => !below.has(entry)).sort((a, b) => compareText(a.name, b.name));
}

function isSatisfied(
  relation: PackageRelation,
  chosen: ReadonlyMap<string, IndexedPackage>,
  index: PackageIndex,
): boolean {
  const direct = chosen.get(relation.name);
  if (
    direct &&
    (relation.relation === undefined || satisfiesRelation(direct.version, relation.relation, relation.version ?? ''))
  )
    return true;
  return index.candidates(relation).some((candidate) => chosen.get(candidate.name) === candidate);
}

/** One version of a name only: a second one cannot be unpacked beside it. */
function conflictsWithChoice(candidate: IndexedPackage, chosen: ReadonlyMap<string, IndexedPackage>): boolean {
  const other = chosen.get(candidate.name);
  return other !== undefined && other !== candidate;
}

function unsatisfied(
  relations: readonly PackageRelation[],
  owner: string,
  chosen: ReadonlyMap<string, IndexedPackage>,
): Failure {
  const text = relations
    .map((relation) =>
      relation.relation ? `${relation.name} (${relation.relation} ${relation.version})` : relation.name,
    )
    .join(' | ');
  const rivals = relations.flatMap((relation) => chosen.get(relation.name)?.version ?? []);
  return new Failure('DEPENDENCY_UNSATISFIED', `${owner} needs ${text}, which the archive does not have`, {
    hint:
      rivals.length > 0
        ? `already chosen: ${rivals.join(', ')}; the archive is between two updates, try again later`
        : 'check the suite and the mirror under the base in the recipe',
  });
}
