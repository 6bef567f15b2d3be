import { z } from 'zod';
import { compareDebianVersions } from '../../formats/deb/version.ts';
import type { Match } from '../../formats/vulnerabilities/advisory.ts';

const Entry = z.strictObject({ version: z.string(), date: z.string(), cves: z.array(z.string()) });

/** What the security suite of an archive has: newest version of each source package, and what its changelog says. */
export const SecurityArchiveSchema = z.strictObject({
  feed: z.literal('debian-archive'),
  /** When the archive was signed. */
  date: z.iso.datetime(),
  sources: z.array(
    z.strictObject({
      suite: z.string(),
      name: z.string(),
      /** Empty where the suite does not have it. */
      version: z.string(),
      /** The newest first; empty where the changelog was not read, as nothing of ours is older. */
      changelog: z.array(Entry),
    }),
  ),
});
export type SecurityArchive = z.infer<typeof SecurityArchiveSchema>;
export type SecuritySource = SecurityArchive['sources'][number];
export type ChangelogEntry = z.infer<typeof Entry>;

/** A newer version in the security suite is a repair of something, with or without a name. */
export function matchSecurityArchive(source: SecuritySource, version: string): Match[] {
  if (source.version === '' || compareDebianVersions(version, source.version) >= 0) return [];
  const newer = source.changelog.filter((entry) => compareDebianVersions(entry.version, version) > 0);
  const byCve = new Map<string, ChangelogEntry>();
  // The oldest entry that names one has repaired it.
  for (const entry of newer) for (const cve of entry.cves) byCve.set(cve, entry);
  const named = [...byCve].map(([id, entry]): Match => ({
    id,
    aliases: [],
    severity: 'unknown',
    fixedVersion: entry.version,
    fixedSince: entry.date,
    summary: `repaired in the security suite by ${source.name} ${entry.version}`,
  }));
  if (named.length > 0) return named;
  const since = newer.at(-1)?.date;
  return [
    {
      id: `DEBIAN-SECURITY-${source.name}-${source.version}`,
      aliases: [],
      severity: 'unknown',
      fixedVersion: source.version,
      ...(since === undefined ? {} : { fixedSince: since }),
      summary: `the security suite has ${source.name} ${source.version}, and its changelog names no CVE`,
    },
  ];
}

/**
 * Entries of a Debian changelog (deb-changelog(5)), the newest first: version, day, and the CVEs that are named
 * between a heading and its trailer.
 */
export function parseDebianChangelog(text: string): ChangelogEntry[] {
  const entries: ChangelogEntry[] = [];
  let version: string | undefined;
  let cves: string[] = [];
  for (const line of text.split('\n')) {
    const heading = /^\S+ \(([^)]+)\) /.exec(line);
    if (heading?.[1] !== undefined) {
      version = heading[1];
      cves = [];
      continue;
    }
    const trailer = /^ -- .*> {2}(.+)$/.exec(line);
    if (trailer?.[1] !== undefined && version !== undefined) {
      const time = Date.parse(trailer[1]);
      const date = Number.isNaN(time) ? '' : new Date(time).toISOString().slice(0, 10);
      entries.push({ version, date, cves: [...new Set(cves)].sort() });
      version = undefined;
      continue;
    }
    cves.push(...(line.match(/CVE-\d{4}-\d{4,}/g) ?? []));
  }
  return entries;
}
