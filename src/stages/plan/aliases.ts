import semver from 'semver';
import { isLts, lineOf, phaseOf, releaseLines, type ReleaseLine } from '../catalog/release-lines.ts';
import type { Cell } from './cell.ts';

export interface AliasScope {
  readonly cells: readonly Cell[];
  readonly defaultBase: string;
  readonly defaultVariant: string;
  readonly now: Date;
  readonly lines?: readonly ReleaseLine[];
}

/**
 * The moving tags of a cell, most specific first. For `M.m.p` on base B as variant V: `M.m.p-B-V`, and `M.m-B-V`,
 * `M-B-V`, `<codename>-B-V`, `lts-<codename>-B-V`, `lts-B-V`, `current-B-V`, `latest-B-V` where it is the newest of what
 * they name; then the same without B on the default base, without V on the default variant, and without both.
 * Comparison is numeric. `lts` is the newest line in its LTS time, `current` and `latest` the newest line that has
 * begun: all three always point somewhere, whatever the day.
 */
export function aliasesOf(cell: Cell, scope: AliasScope): string[] {
  const stems = stemsOf(cell, scope);
  const suffixes = [`-${cell.base}-${cell.variant}`];
  if (cell.variant === scope.defaultVariant) suffixes.push(`-${cell.base}`);
  if (cell.base === scope.defaultBase) suffixes.push(`-${cell.variant}`);
  if (cell.base === scope.defaultBase && cell.variant === scope.defaultVariant) suffixes.push('');
  return suffixes.flatMap((suffix) => stems.map((stem) => `${stem}${suffix}`));
}

/** Version and name parts a cell may carry, most specific first. */
function stemsOf(cell: Cell, scope: AliasScope): string[] {
  const lines = scope.lines ?? releaseLines;
  const siblings = scope.cells
    .filter((other) => other.base === cell.base && other.variant === cell.variant)
    .map((other) => other.release);
  const { major, minor } = semver.parse(cell.release) ?? { major: 0, minor: 0 };
  const isNewest = (matches: (version: string) => boolean): boolean =>
    newest(siblings.filter(matches)) === cell.release;
  const stems = [cell.release];
  if (isNewest((version) => semver.major(version) === major && semver.minor(version) === minor))
    stems.push(`${major}.${minor}`);
  if (!isNewest((version) => semver.major(version) === major)) return stems;
  stems.push(String(major));
  const line = lineOf(major, lines);
  if (line && isLts(line, scope.now)) stems.push(String(line.codename), `lts-${line.codename}`);
  if (isNewest((version) => ltsMajors(lines, scope.now).has(semver.major(version)))) stems.push('lts');
  if (isNewest((version) => begun(lines, scope.now).has(semver.major(version)))) stems.push('current', 'latest');
  return stems;
}

function ltsMajors(lines: readonly ReleaseLine[], now: Date): ReadonlySet<number> {
  return new Set(lines.filter((line) => isLts(line, now)).map((line) => line.major));
}

function begun(lines: readonly ReleaseLine[], now: Date): ReadonlySet<number> {
  return new Set(lines.filter((line) => phaseOf(line, now) !== 'pending').map((line) => line.major));
}

function newest(versions: readonly string[]): string | undefined {
  return [...versions].sort(semver.rcompare)[0];
}
