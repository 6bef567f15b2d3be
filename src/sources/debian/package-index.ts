import { compareDebianVersions, satisfiesRelation } from '../../formats/deb/version.ts';
import { parseRelations, type Dependencies, type PackageRelation } from '../../formats/deb/relations.ts';

/** What dependency resolution and download need of one package in one archive. */
export interface IndexedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly archive: 'main' | 'security';
  readonly suite: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `Source` field, `name` or `name (version)`; undefined when equal to the package. */
  readonly source?: string;
  readonly depends?: string;
  readonly preDepends?: string;
  readonly provides?: string;
  /** Marked essential, or of the priority `required`: every Debian system has it. */
  readonly isRequired: boolean;
}

export interface PackageIndex {
  /** Candidates for a name, best version first; packages that only provide it come after those that have it. */
  candidates(relation: PackageRelation): IndexedPackage[];
  /** Names of the packages that every Debian system has, sorted. */
  required(): string[];
}

/** Packages of several suites together, as apt sees them: the highest version wins wherever it comes from. */
export function createPackageIndex(packages: readonly IndexedPackage[]): PackageIndex {
  const byName = new Map<string, IndexedPackage[]>();
  const providers = new Map<string, { owner: IndexedPackage; version?: string }[]>();
  for (const entry of packages) {
    const known = byName.get(entry.name);
    if (known) known.push(entry);
    else byName.set(entry.name, [entry]);
    for (const [provided] of parseRelations(entry.provides, entry.name)) {
      if (!provided) continue;
      const list = providers.get(provided.name) ?? [];
      list.push({ owner: entry, version: provided.version });
      providers.set(provided.name, list);
    }
  }
  const best = (a: IndexedPackage, b: IndexedPackage): number => compareDebianVersions(b.version, a.version);
  return {
    required: () => [...new Set(packages.filter((entry) => entry.isRequired).map((entry) => entry.name))].sort(),
    candidates({ name, relation, version }) {
      const fits = (found: string | undefined): boolean =>
        relation === undefined ||
        version === undefined ||
        (found !== undefined && satisfiesRelation(found, relation, version));
      const real = (byName.get(name) ?? []).filter((entry) => fits(entry.version)).sort(best);
      // Policy 7.5: an unversioned Provides satisfies only an unversioned dependency.
      const virtual = (providers.get(name) ?? [])
        .filter((provider) => fits(provider.version))
        .map((provider) => provider.owner);
      return [...real, ...virtual.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : best(a, b)))];
    },
  };
}

export function dependenciesOf(entry: IndexedPackage): Dependencies {
  return [...parseRelations(entry.preDepends, entry.name), ...parseRelations(entry.depends, entry.name)];
}
