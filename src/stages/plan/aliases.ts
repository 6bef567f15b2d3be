import semver from 'semver';
import type { AliasKind } from '../../config/alias-kinds.ts';
import { lineNameOf } from '../../formats/node-version.ts';
import { isLts, lineOf, phaseOf, type ReleaseLine } from '../catalog/release-lines.ts';
import type { Cell } from './cell.ts';

export interface AliasScope {
  /** Releases of the cells with the same base and variant that may have moving tags, the newest first. */
  readonly siblings: readonly string[];
  readonly defaultVariant: string;
  /** Base of the tags without one, for a line. */
  readonly baseOf: (line: string) => string;
  readonly kinds: ReadonlySet<AliasKind>;
  /** Cells that are an experiment have their full names only. */
  readonly isExperimental: boolean;
  readonly now: Date;
  readonly lines: readonly ReleaseLine[];
}

/**
 * The moving tags of a cell, most specific first. For `M.m.p` on base B as variant V: `M.m.p-B-V`, and `M.m-B-V`,
 * `M-B-V`, `<codename>-B-V`, `lts-<codename>-B-V`, `lts-B-V`, `current-B-V`, `latest-B-V` where it is the newest of what
 * they name; then the same without B on the default base, without V on the default variant, and without both.
 * Comparison is numeric. `lts` is the newest line in its LTS time, `current` and `latest` the newest line that has
 * begun: all three always point somewhere, whatever the day.
 */
export function aliasesOf(cell: Cell, scope: AliasScope): string[] {
  if (scope.isExperimental) return [cell.id];
  const isDefaultVariant = cell.variant === scope.defaultVariant;
  const isDefaultBase = cell.base === scope.baseOf(lineNameOf(cell.release));
  const suffixes = [`-${cell.base}-${cell.variant}`];
  if (isDefaultVariant) suffixes.push(`-${cell.base}`);
  if (isDefaultBase) suffixes.push(`-${cell.variant}`);
  if (isDefaultBase && isDefaultVariant) suffixes.push('');
  const stems = stemsOf(cell, scope);
  return suffixes.flatMap((suffix) => stems.map((stem) => `${stem}${suffix}`));
}

/** Version and name parts a cell may carry, most specific first. */
function stemsOf(cell: Cell, { siblings, kinds, now, lines }: AliasScope): string[] {
  const { major, minor } = semver.parse(cell.release) ?? { major: 0, minor: 0 };
  const isNewest = (matches: (version: string) => boolean): boolean => siblings.find(matches) === cell.release;
  const stems: [AliasKind | undefined, string][] = [[undefined, cell.release]];
  if (isNewest((version) => semver.major(version) === major && semver.minor(version) === minor))
    stems.push(['minor', `${major}.${minor}`]);
  if (isNewest((version) => semver.major(version) === major)) {
    // A line before 4 was a minor version: its tag is there already.
    if (major > 0) stems.push(['major', String(major)]);
    const line = lineOf(major, lines);
    if (line && isLts(line, now))
      stems.push(['codename', String(line.codename)], ['lts-codename', `lts-${line.codename}`]);
    if (isNewest((version) => ltsMajors(lines, now).has(semver.major(version)))) stems.push(['lts', 'lts']);
    if (isNewest((version) => begun(lines, now).has(semver.major(version))))
      stems.push(['current', 'current'], ['latest', 'latest']);
  }
  return stems.filter(([kind]) => kind === undefined || kinds.has(kind)).map(([, stem]) => stem);
}

function ltsMajors(lines: readonly ReleaseLine[], now: Date): ReadonlySet<number> {
  return new Set(lines.filter((line) => isLts(line, now)).map((line) => line.major));
}

function begun(lines: readonly ReleaseLine[], now: Date): ReadonlySet<number> {
  return new Set(lines.filter((line) => phaseOf(line, now) !== 'pending').map((line) => line.major));
}
