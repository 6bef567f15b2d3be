import { endOfLineFinding } from '../../gates/waivers.ts';
import semver from 'semver';
import { compareText } from '../../core/canonical-json.ts';
import { severities, type Finding, type Severity } from '../../formats/attestation/predicate-shapes.ts';
import type { SbomComponent, SbomModel } from '../../formats/sbom/model.ts';
import type { Match } from '../../formats/vulnerabilities/advisory.ts';
import { matchDebianTracker, type TrackedPackage } from '../../formats/vulnerabilities/debian-tracker.ts';
import type { FeedKind } from '../../formats/vulnerabilities/feed-kinds.ts';
import {
  matchNodeCore,
  newerSecurityReleases,
  NodeCoreSchema,
  type NodeRelease,
} from '../../formats/vulnerabilities/node-feeds.ts';
import { askVex, type OpenVex } from '../../formats/vulnerabilities/openvex.ts';
import { matchOsv, osvKey, type OsvEntry } from '../../formats/vulnerabilities/osv.ts';
import { matchSecurityArchive, type SecuritySource } from './security-archive.ts';

/** A feed as matching asks it. */
export interface AskableFeed {
  readonly name: string;
  readonly kind: FeedKind;
  /** See {@link FeedIndex.scopes}. */
  readonly scopes: readonly string[];
  lookUp(key: string): unknown[];
}

export interface MatchInput {
  readonly sbom: SbomModel;
  readonly feeds: readonly AskableFeed[];
  readonly vex: readonly OpenVex[];
  /** Phase of the Node.js line, and its end. */
  readonly line: { readonly name: string; readonly phase: string; readonly end: string } | undefined;
  /** Names of the image, for VEX documents. */
  readonly imageNames: readonly string[];
}

export interface Matched {
  readonly findings: readonly Finding[];
  /** Components that no feed speaks about. */
  readonly unmatched: readonly string[];
}

/** What feeds say of the components of an image: one finding per vulnerability and component, whoever names it. */
export function matchImage(input: MatchInput): Matched {
  const { sbom, feeds } = input;
  const ask: Ask = (kind, key) =>
    feeds
      .filter((feed) => feed.kind === kind)
      .flatMap((feed) => feed.lookUp(key).map((value) => ({ feed: feed.name, value: value as never })));
  const has = (...kinds: readonly FeedKind[]): boolean => feeds.some(({ kind }) => kinds.includes(kind));
  const hasScope = (kind: FeedKind, scope: string): boolean =>
    feeds.some((feed) => feed.kind === kind && feed.scopes.includes(scope));
  const system = sbom.components.find(({ kind }) => kind === 'system');
  const found: { component: SbomComponent; match: Match; feed: string }[] = [];
  const unmatched: string[] = [];
  const add = (component: SbomComponent, feed: string, matches: readonly Match[]): void => {
    for (const match of matches) found.push({ component, match, feed });
  };
  for (const component of sbom.components) {
    switch (component.kind) {
      case 'deb':
        if (!isDebCovered(component, system, { feeds, ask })) unmatched.push(component.ref);
        for (const { feed, matches } of matchDeb(component, system, ask)) add(component, feed, matches);
        break;
      case 'npm':
        if (!hasScope('osv', 'npm')) unmatched.push(component.ref);
        add(component, 'osv', matchNpm(component, ask));
        break;
      case 'nested':
        // What is built into Node.js is Node.js's to repair; where it is an npm package, others look as well.
        if (component.purl?.startsWith('pkg:npm/')) add(component, 'osv', matchNpm(component, ask));
        break;
      case 'node':
        if (!has('node-core', 'node-dist')) unmatched.push(component.ref);
        for (const { feed, matches } of matchNode(component, ask)) add(component, feed, matches);
        add(component, 'schedule', endOfLine(component, input.line));
        break;
      case 'system':
      case 'file':
        break;
    }
  }
  // Without its version and its name nobody can say which packages it has.
  const hasPackages = sbom.components.some(({ kind, source }) => kind === 'deb' && source?.suite !== '');
  const isKnownSystem = system?.name === 'debian' && system.version !== '' && hasPackages;
  if (!isKnownSystem) {
    unmatched.push('system');
    const nobody = system ?? { kind: 'system' as const, ref: 'system', name: 'system', version: '', licenses: [] };
    add(nobody, 'nodeworthy', [
      {
        id: 'UNKNOWN-SYSTEM',
        aliases: [],
        severity: 'unknown',
        summary: `no feed speaks about ${system?.name ?? 'a system that does not say what it is'}: unknown is not safe`,
      },
    ]);
  }
  return { findings: mergeFindings(found, { ...input, ask }), unmatched: unmatched.sort(compareText) };
}

/** What each kind of feed answers: the rows of its index. */
interface FeedValues {
  readonly osv: OsvEntry;
  readonly 'debian-tracker': TrackedPackage;
  readonly 'debian-archive': SecuritySource;
  readonly 'node-core': unknown;
  readonly 'node-dist': readonly NodeRelease[];
  readonly kev: unknown;
  readonly epss: number;
  readonly openvex: unknown;
}

type Ask = <K extends FeedKind>(kind: K, key: string) => { readonly feed: string; readonly value: FeedValues[K] }[];
interface FeedMatches {
  readonly feed: string;
  readonly matches: readonly Match[];
}

/** Whether some feed knows the release, or this very source package. */
function isDebCovered(
  { source, name }: SbomComponent,
  system: SbomComponent | undefined,
  { feeds, ask }: { readonly feeds: readonly AskableFeed[]; readonly ask: Ask },
): boolean {
  const suite = source?.suite ?? '';
  if (suite === '' || !system?.version) return false;
  const scopes = (kind: FeedKind): string[] =>
    feeds.filter((feed) => feed.kind === kind).flatMap((feed) => feed.scopes);
  return (
    scopes('debian-tracker').includes(suite) ||
    scopes('osv').includes(`Debian:${system.version}`) ||
    ask('debian-archive', `${suite} ${source?.name ?? name}`).length > 0
  );
}

/** By source package and source version: binary rebuilds (`+b1`) and other names do not matter. */
function matchDeb(
  { source, name, version }: SbomComponent,
  system: SbomComponent | undefined,
  ask: Ask,
): FeedMatches[] {
  const at = source ?? { name, version, suite: '' };
  const ecosystem = `Debian:${system?.version ?? ''}`;
  return [
    ...ask('debian-tracker', at.name).map(({ feed, value }) => ({
      feed,
      matches: matchDebianTracker(value, at.suite, at.version),
    })),
    ...ask('osv', osvKey(ecosystem, at.name)).map(({ feed, value }) => ({
      feed,
      matches: [matchOsv(value, { ecosystem, name: at.name, version: at.version })].flatMap((match) => match ?? []),
    })),
    ...ask('debian-archive', `${at.suite} ${at.name}`).map(({ feed, value }) => ({
      feed,
      matches: matchSecurityArchive(value, at.version),
    })),
  ];
}

function matchNpm(component: SbomComponent, ask: Ask): Match[] {
  const [, encoded = ''] = /^pkg:npm\/(.+)@[^@]+$/.exec(component.purl ?? '') ?? [];
  const name = decodeURIComponent(encoded);
  return ask('osv', osvKey('npm', name)).flatMap(
    ({ value }) => matchOsv(value, { ecosystem: 'npm', name, version: component.version }) ?? [],
  );
}

function matchNode({ version }: SbomComponent, ask: Ask): FeedMatches[] {
  if (!semver.valid(version)) return [];
  const dist = ask('node-dist', 'node');
  const releases = dist.flatMap(({ value }) => value);
  const core = ask('node-core', 'node').map(({ feed, value }) => ({
    feed,
    matches: matchNodeCore(NodeCoreSchema.parse(value), version, releases),
  }));
  const known = new Set(core.flatMap(({ matches }) => matches.flatMap(({ fixedVersion }) => fixedVersion ?? [])));
  return [...core, ...dist.map(({ feed, value }) => ({ feed, matches: newerSecurityReleases(value, version, known) }))];
}

/** The core index drops lines past their end: no match there is no good news. */
function endOfLine({ version }: SbomComponent, line: MatchInput['line']): Match[] {
  if (line && line.phase !== 'end-of-life') return [];
  return [
    {
      id: endOfLineFinding(line?.name ?? version),
      aliases: [],
      severity: 'critical',
      summary: line
        ? `Node.js ${line.name} came to its end on ${line.end}: nobody looks for its vulnerabilities any more`
        : `nobody knows a release line of Node.js ${version}`,
    },
  ];
}

interface FoundMatch {
  readonly component: SbomComponent;
  readonly match: Match;
  readonly feed: string;
}

/** An advisory may be about several vulnerabilities: each is a finding, and what excuses one excuses no other. */
function byVulnerability(
  found: FoundMatch,
): (FoundMatch & { readonly id: string; readonly names: readonly string[] })[] {
  const names = [found.match.id, ...found.match.aliases];
  const cves = [...new Set(names.filter((name) => name.startsWith('CVE-')))];
  const others = names.filter((name) => !name.startsWith('CVE-'));
  if (cves.length === 0) return [{ ...found, id: found.match.id, names }];
  return cves.map((id) => ({ ...found, id, names: [id, ...others] }));
}

function mergeFindings(
  found: readonly FoundMatch[],
  { vex, imageNames, ask }: MatchInput & { readonly ask: Ask },
): Finding[] {
  const merged = new Map<string, Finding>();
  for (const { component, match, feed, id, names } of found.flatMap(byVulnerability)) {
    const key = `${id} ${component.ref}`;
    const before = merged.get(key);
    const kev = ask('kev', id).length > 0;
    const epss = ask('epss', id)[0]?.value;
    const score = Math.max(match.score ?? -1, before?.score ?? -1);
    const fixedVersion = before?.fixedVersion ?? match.fixedVersion;
    const fixedSince = [before?.fixedSince, match.fixedSince].flatMap((day) => (day ? [day] : [])).sort()[0];
    const summary = before?.summary ?? match.summary;
    const question = { names, image: imageNames, component: component.purl ?? component.ref };
    const answer = before?.vex ?? askVex(vex, question);
    merged.set(key, {
      id,
      aliases: [...new Set([...(before?.aliases ?? []), ...names])].filter((name) => name !== id).sort(compareText),
      component: component.purl ?? component.ref,
      name: component.source?.name ?? component.name,
      version: component.source?.version ?? component.version,
      severity: worse(before?.severity, match.severity),
      ...(score >= 0 ? { score } : {}),
      ...(fixedVersion === undefined ? {} : { fixedVersion }),
      ...(fixedSince === undefined ? {} : { fixedSince }),
      kev,
      ...(epss === undefined ? {} : { epss }),
      ...(answer ? { vex: answer } : {}),
      feeds: [...new Set([...(before?.feeds ?? []), feed])].sort(compareText),
      ...(summary === undefined ? {} : { summary }),
    });
  }
  return [...merged.values()].sort(
    (a, b) =>
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      compareText(`${a.id} ${a.component}`, `${b.id} ${b.component}`),
  );
}

/** A rating by anybody is better than none; of two, the worse counts. */
function worse(a: Severity | undefined, b: Severity): Severity {
  if (a === undefined || a === 'unknown') return b;
  if (b === 'unknown') return a;
  return severities.indexOf(a) <= severities.indexOf(b) ? a : b;
}
