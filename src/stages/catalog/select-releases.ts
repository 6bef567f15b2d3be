import semver from 'semver';
import { Failure } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';
import { lineNameOf } from '../../formats/node-version.ts';
import { isLts, phaseOf, releaseLines, type ReleaseLine } from './release-lines.ts';

export interface SelectionContext {
  readonly now: Date;
  readonly lines?: readonly ReleaseLine[];
  /** Names the source in messages. */
  readonly source: string;
}

const keywords = ['lts', 'current', 'maintenance', 'supported'];

/**
 * Exact versions for the selectors of a recipe, newest first, each once. `lts` is every line in its LTS time, `current`
 * the newest line, `maintenance` every line in maintenance, `supported` every line between start and end; a line or
 * code name means its newest release, a range its newest match. Prereleases are never selected.
 * @param available versions the source has; others do not exist for us
 * @throws Failure SELECTION_EMPTY when a selector means nothing
 */
export function selectReleases(
  selectors: readonly (string | number)[],
  available: readonly string[],
  context: SelectionContext,
): string[] {
  const versions = available
    .filter((version) => semver.valid(version) && !semver.prerelease(version))
    .sort(semver.rcompare);
  const chosen = new Set<string>();
  for (const selector of selectors)
    for (const version of selectOne(String(selector).trim(), versions, context)) chosen.add(version);
  return [...chosen].sort(semver.rcompare);
}

function selectOne(selector: string, versions: readonly string[], context: SelectionContext): string[] {
  const lines = context.lines ?? releaseLines;
  const word = selector.toLowerCase();
  if (keywords.includes(word)) {
    const wanted = linesFor(word, lines, context.now);
    const found = wanted.flatMap((line) => newestOf(line.major, versions) ?? []);
    if (found.length === 0)
      throw nothing(selector, context, `no line is ${word} on ${context.now.toISOString().slice(0, 10)}`);
    return word === 'current' ? found.slice(0, 1) : found;
  }
  const named = lines.find((line) => line.codename === word);
  if (named)
    return [
      newestOf(named.major, versions) ?? refuse(selector, context, `no release of line ${named.major} exists there`),
    ];
  if (semver.valid(selector)) {
    const exact = semver.clean(selector) ?? selector;
    if (versions.includes(exact)) return [exact];
    const line = lineNameOf(exact);
    const near = versions.find((version) => lineNameOf(version) === line);
    throw nothing(
      selector,
      context,
      near ? `the newest release of line ${line} there is ${near}` : 'the whole line does not exist there',
    );
  }
  const range = semver.validRange(selector);
  if (range === null) {
    const near = suggest(word, [...keywords, ...lines.flatMap((line) => line.codename ?? [])]);
    throw nothing(
      selector,
      context,
      near
        ? `did you mean ${near}?`
        : 'write a version, a line like 24, a range, lts, current, maintenance, supported, or a code name',
    );
  }
  const best = semver.maxSatisfying(versions, range);
  return [best ?? refuse(selector, context, `the newest release there is ${versions[0] ?? 'none'}`)];
}

/** Newest line first. A new line may have begun on the calendar and have no release yet: then the next one is current. */
function linesFor(word: string, lines: readonly ReleaseLine[], now: Date): ReleaseLine[] {
  const newestFirst = [...lines].reverse();
  const supported = newestFirst.filter((line) => !['pending', 'end-of-life'].includes(phaseOf(line, now)));
  switch (word) {
    case 'lts':
      return supported.filter((line) => isLts(line, now));
    case 'maintenance':
      return supported.filter((line) => phaseOf(line, now) === 'maintenance');
    default:
      return supported;
  }
}

function newestOf(major: number, versions: readonly string[]): string | undefined {
  return versions.find((version) => semver.major(version) === major);
}

function nothing(selector: string, context: SelectionContext, hint: string): Failure {
  return new Failure(
    'SELECTION_EMPTY',
    `node.releases: ${JSON.stringify(selector)} matches no release at ${context.source}`,
    { hint },
  );
}

function refuse(selector: string, context: SelectionContext, hint: string): never {
  throw nothing(selector, context, hint);
}
