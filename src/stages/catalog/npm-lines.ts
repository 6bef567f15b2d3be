import semver from 'semver';

/**
 * Major of npm that came with the first LTS release of a Node.js line. A line keeps it: a new major of npm inside a
 * line breaks builds. Source: `deps/npm` of each line's releases.
 */
const npmMajors: Readonly<Record<number, number>> = { 18: 10, 20: 10, 22: 10, 24: 11 };
const newestMajor = 11;
/** Lines that carry corepack; it left the distribution with 25. */
const lastWithCorepack = 24;

export interface BundledTool {
  readonly name: 'npm' | 'corepack';
  /** Range of the versions that belong to the line. */
  readonly range: string;
}

/** The tools that belong to a release's line; a source without them in its tarball takes them from the npm registry. */
export function toolsOf(release: string): BundledTool[] {
  const major = semver.major(release);
  const npm: BundledTool = { name: 'npm', range: `${npmMajors[major] ?? newestMajor}.x` };
  return major <= lastWithCorepack ? [npm, { name: 'corepack', range: '0.x' }] : [npm];
}
