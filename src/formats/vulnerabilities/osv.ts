import semver from 'semver';
import { z } from 'zod';
import { compareDebianVersions } from '../deb/version.ts';
import { severityOfScore, severityOfWord, type Match } from './advisory.ts';
import { cvss3BaseScore } from './cvss3.ts';

const Event = z.looseObject({
  introduced: z.string().optional(),
  fixed: z.string().optional(),
  last_affected: z.string().optional(),
});
const Severity = z.looseObject({ type: z.string(), score: z.string() });
const Affected = z.looseObject({
  package: z.looseObject({ ecosystem: z.string(), name: z.string() }).optional(),
  ranges: z.array(z.looseObject({ type: z.string(), events: z.array(Event) })).optional(),
  versions: z.array(z.string()).nullish(),
  severity: z.array(Severity).nullish(),
  ecosystem_specific: z.looseObject({}).nullish(),
});

/** An entry of the OSV schema (1.7), as far as matching reads it. */
export const OsvSchema = z.looseObject({
  id: z.string(),
  modified: z.string().optional(),
  published: z.string().optional(),
  withdrawn: z.string().nullish(),
  aliases: z.array(z.string()).nullish(),
  upstream: z.array(z.string()).nullish(),
  summary: z.string().nullish(),
  severity: z.array(Severity).nullish(),
  database_specific: z.looseObject({ severity: z.unknown().optional() }).nullish(),
  affected: z.array(Affected).default([]),
});
export type OsvEntry = z.infer<typeof OsvSchema>;

/** Keys that an entry is looked up by: ecosystem and package; none for one that was withdrawn. */
export function osvKeys(entry: OsvEntry): string[] {
  if (entry.withdrawn) return [];
  const keys = entry.affected.flatMap(({ package: name }) => (name ? [osvKey(name.ecosystem, name.name)] : []));
  return [...new Set(keys)];
}

export function osvKey(ecosystem: string, name: string): string {
  return `${ecosystem} ${name}`;
}

/** @returns what an entry says of a version, undefined when it is not about it */
export function matchOsv(
  entry: OsvEntry,
  { ecosystem, name, version }: { readonly ecosystem: string; readonly name: string; readonly version: string },
): Match | undefined {
  if (entry.withdrawn) return undefined;
  const compare = ecosystem.startsWith('Debian') ? compareDebianVersions : compareSemver;
  for (const affected of entry.affected) {
    if (affected.package?.ecosystem !== ecosystem || affected.package.name !== name) continue;
    const hit = isAffected(affected, version, compare);
    if (!hit) continue;
    const aliases = [...(entry.aliases ?? []), ...(entry.upstream ?? [])];
    return {
      id: entry.id,
      aliases,
      ...ratingOf(entry, affected),
      ...(hit.fixed === undefined ? {} : { fixedVersion: hit.fixed }),
      ...(hit.fixed === undefined || entry.published === undefined ? {} : { fixedSince: entry.published.slice(0, 10) }),
      ...(entry.summary ? { summary: entry.summary } : {}),
    };
  }
  return undefined;
}

/** Versions of npm in the order of semver; one that is none is below all. */
function compareSemver(a: string, b: string): number {
  const left = a === '0' ? '0.0.0-0' : a;
  const right = b === '0' ? '0.0.0-0' : b;
  if (!semver.valid(left) || !semver.valid(right))
    return Number(Boolean(semver.valid(left))) - Number(Boolean(semver.valid(right)));
  return semver.compare(left, right);
}

/** Evaluation of ranges (OSV schema, "Evaluation"): the last event at or below the version decides. */
function isAffected(
  { ranges, versions }: z.infer<typeof Affected>,
  version: string,
  compare: (a: string, b: string) => number,
): { readonly fixed?: string } | undefined {
  for (const range of ranges ?? []) {
    if (range.type === 'GIT') continue;
    const events = [...range.events].sort((a, b) => orderOf(a, b, compare));
    let affected = false;
    let fixed: string | undefined;
    for (const event of events) {
      if (event.introduced !== undefined && (event.introduced === '0' || compare(version, event.introduced) >= 0)) {
        affected = true;
        fixed = undefined;
      }
      if (event.fixed !== undefined) {
        if (compare(version, event.fixed) >= 0) affected = false;
        else fixed ??= event.fixed;
      }
      if (event.last_affected !== undefined && compare(version, event.last_affected) > 0) affected = false;
    }
    if (affected) return fixed === undefined ? {} : { fixed };
  }
  return versions?.includes(version) ? {} : undefined;
}

function orderOf(
  a: z.infer<typeof Event>,
  b: z.infer<typeof Event>,
  compare: (a: string, b: string) => number,
): number {
  const at = (event: z.infer<typeof Event>): string => event.introduced ?? event.fixed ?? event.last_affected ?? '0';
  if (at(a) === '0' || at(b) === '0') return Number(at(a) !== '0') - Number(at(b) !== '0');
  return compare(at(a), at(b));
}

function ratingOf(entry: OsvEntry, affected: z.infer<typeof Affected>): Pick<Match, 'severity' | 'score'> {
  if (entry.id.startsWith('MAL-')) return { severity: 'critical' };
  const all = [...(affected.severity ?? []), ...(entry.severity ?? [])];
  const scores = all.flatMap(({ score }) => cvss3BaseScore(score) ?? []);
  const [score] = scores.sort((a, b) => b - a);
  if (score !== undefined) return { severity: severityOfScore(score), score };
  const word = entry.database_specific?.severity ?? affected.ecosystem_specific?.['urgency'];
  return { severity: severityOfWord(typeof word === 'string' ? word : undefined) };
}
