import semver from 'semver';

/** What people call the line of a release: its major version, and before 4 its minor version as well: 24, 0.12. */
export function lineNameOf(version: string): string {
  const { major, minor } = semver.parse(version) ?? { major: Number.NaN, minor: 0 };
  return major === 0 ? `0.${minor}` : String(major);
}
