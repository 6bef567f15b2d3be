import semver from 'semver';

export interface BundledTool {
  readonly name: 'npm' | 'corepack';
  /** Range of the versions that belong to the line. */
  readonly range: string;
}

/**
 * Major of npm that came with the first LTS release of a Node.js line. A line keeps it: a new major of npm inside a
 * line breaks builds. Source: `deps/npm` of each line's releases. Of the first releases of some lines the next major
 * does not know anything: they keep the one before.
 */
const npmLines: readonly (readonly [releases: string, npm: string])[] = [
  ['>=24.0.0', '11.x'],
  ['>=20.5.0 || ^18.17.0', '10.x'],
  ['>=18.0.0', '9.x'],
  ['>=16.0.0', '8.x'],
  ['>=15.0.0', '7.x'],
  ['^8.0.0 || >=9.3.0', '6.x'],
  ['>=9.0.0', '5.x'],
  ['>=7.0.0', '4.x'],
  ['>=5.0.0', '3.x'],
  ['>=0.10.0', '2.x'],
  ['>=0.8.0', '1.x'],
];
/** Releases that carry corepack; it left the distribution with 25. */
const withCorepack = '^14.19.0 || ^16.9.0 || >=17.0.0 <25.0.0';
/** The newest corepack that runs on a release, by the `engines` of its own versions. */
const corepackLines: readonly (readonly [releases: string, corepack: string])[] = [
  ['^22.22.2 || ^24.15.0', '0.x'],
  ['^20.10.0 || ^22.11.0 || >=24.0.0', '0.x <0.35.0'],
  ['^18.17.1 || ^20.10.0 || >=22.11.0', '0.x <0.33.0'],
  ['^18.17.1 || >=20.10.0', '0.x <0.31.0'],
  ['>=18.17.1', '0.x <0.25.0'],
  ['>=16.20.0', '0.x <0.21.0'],
  ['>=14.14.0', '0.x <0.18.0'],
];

/** The tools that belong to a release's line; a source without them in its tarball takes them from the npm registry. */
export function toolsOf(release: string): BundledTool[] {
  const npm: BundledTool = { name: 'npm', range: rangeFor(release, npmLines) };
  if (!semver.satisfies(release, withCorepack)) return [npm];
  return [npm, { name: 'corepack', range: rangeFor(release, corepackLines) }];
}

function rangeFor(release: string, table: readonly (readonly [string, string])[]): string {
  return table.find(([releases]) => semver.satisfies(release, releases))?.[1] ?? '';
}

/**
 * Whether node-gyp of the release's npm runs with the Python of a Debian suite. node-gyp before 10 uses `distutils`,
 * which left Python with 3.12; before 8 it does not know 3.11.
 */
export function canBuildNative(release: string, suite: string | undefined): boolean {
  const major = Number.parseInt(rangeFor(release, npmLines), 10);
  return major >= (suite === 'bookworm' ? 8 : 10);
}
