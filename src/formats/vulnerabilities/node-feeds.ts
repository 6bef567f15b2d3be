import semver from 'semver';
import { z } from 'zod';
import { lineNameOf } from '../node-version.ts';
import { severityOfWord, type Match } from './advisory.ts';

/** An entry of the Node.js core vulnerability index. */
export const NodeCoreEntrySchema = z.looseObject({
  cve: z.array(z.string()).default([]),
  vulnerable: z.string(),
  patched: z.string().optional(),
  overview: z.string().optional(),
  description: z.string().optional(),
  affectedEnvironments: z.array(z.string()).optional(),
  severity: z.string().optional(),
});
export const NodeCoreSchema = z.record(z.string(), NodeCoreEntrySchema);

/** One release in Node.js’s `dist/index.json`. */
export const NodeReleaseSchema = z.looseObject({
  version: z.string(),
  date: z.iso.date(),
  security: z.boolean(),
});
export type NodeRelease = z.infer<typeof NodeReleaseSchema>;

/** Whether an environment of the index is ours: all of our images are Linux. */
const isOurs = (environment: string): boolean => environment === 'all' || environment === 'linux';

export function matchNodeCore(
  entries: z.infer<typeof NodeCoreSchema>,
  version: string,
  releases: readonly NodeRelease[],
): Match[] {
  return Object.entries(entries).flatMap(([number, entry]): Match[] => {
    if (entry.affectedEnvironments && !entry.affectedEnvironments.some(isOurs)) return [];
    if (!semver.satisfies(version, entry.vulnerable)) return [];
    if (entry.patched !== undefined && semver.satisfies(version, entry.patched)) return [];
    const [id = `NODE-CORE-${number}`, ...aliases] = entry.cve;
    const fixedVersion = patchedIn(entry.patched, version);
    const fixedSince = releases.find((release) => release.version === `v${fixedVersion}`)?.date;
    return [
      {
        id,
        aliases,
        severity: severityOfWord(entry.severity),
        ...(fixedVersion === undefined ? {} : { fixedVersion }),
        ...(fixedSince === undefined ? {} : { fixedSince }),
        ...(entry.description === undefined ? {} : { summary: entry.description }),
      },
    ];
  });
}

/** The lowest version of the same line that is repaired, as the ranges say. */
function patchedIn(patched: string | undefined, version: string): string | undefined {
  if (patched === undefined) return undefined;
  const lowest = patched.split('||').flatMap((range) => semver.minVersion(range.trim())?.version ?? []);
  return lowest.find((candidate) => lineNameOf(candidate) === lineNameOf(version));
}

/**
 * Security releases of the same line that are newer: the core index lags, and says nothing about them for days.
 * @param known repaired versions that the core index names
 */
export function newerSecurityReleases(
  releases: readonly NodeRelease[],
  version: string,
  known: ReadonlySet<string>,
): Match[] {
  return releases.flatMap((release): Match[] => {
    const other = release.version.replace(/^v/, '');
    if (!release.security || lineNameOf(other) !== lineNameOf(version) || !semver.gt(other, version)) return [];
    if (known.has(other)) return [];
    return [
      {
        id: `NODE-SECURITY-RELEASE-${other}`,
        aliases: [],
        severity: 'high',
        fixedVersion: other,
        fixedSince: release.date,
        summary: `Node.js ${other} is a security release of the same line`,
      },
    ];
  });
}
