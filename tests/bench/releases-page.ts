import semver from 'semver';
import { capabilitiesOf } from '../../src/stages/catalog/capabilities.ts';
import { lineName, lineOfRelease, phaseOf } from '../../src/stages/catalog/release-lines.ts';
import { isMeantFor, whyNot } from '../../src/stages/test/battery/applicability.ts';
import { containerRuns, sharedChecks } from '../../src/stages/test/battery/battery.ts';

export interface JudgedRelease {
  readonly release: string;
  readonly outcome: string;
  readonly reason: string;
  readonly passed: number;
  /** Checks that do not apply. */
  readonly left: number;
}

/** The page of all releases: per line what was judged, then the checks that do not apply, by range. */
export function releasesPage(judged: readonly JudgedRelease[]): string {
  const lines = new Map<string, JudgedRelease[]>();
  for (const item of judged) {
    const line = lineOfRelease(item.release);
    const name = line ? lineName(line) : `${semver.major(item.release)}.${semver.minor(item.release)}`;
    lines.set(name, [...(lines.get(name) ?? []), item]);
  }
  const rows = [...lines].map(([name, items]) => {
    const good = items.filter(({ outcome }) => outcome === 'published');
    const counts = [...new Set(items.map(({ passed, left }) => `${passed} + ${left} n/a`))];
    return `| ${name} | ${items.at(-1)?.release} to ${items[0]?.release} | ${items.length} | ${good.length} | ${counts.slice(0, 3).join(', ')}${counts.length > 3 ? ', …' : ''} |`;
  });
  const denied = judged.filter(({ outcome }) => outcome !== 'published');
  const reasons = denied.map(
    ({ release, outcome, reason }) =>
      `| ${release} | ${outcome} | ${reason.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, '; ')} |`,
  );
  const releases = judged.map(({ release }) => release).sort(semver.compare);
  return [
    '# Every release, judged',
    '',
    'Written by `npm run bench` (its part `releases`), not by hand: each release that the registry lists for linux/amd64, as',
    '`runtime` on trixie, with the whole battery and the policy for lines past their end.',
    '',
    '| line | releases | judged | certified | checks |',
    '| --- | --- | ---: | ---: | --- |',
    ...rows,
    '',
    '## Denied',
    '',
    ...(denied.length === 0 ? ['None.'] : ['| release | outcome | because |', '| --- | --- | --- |', ...reasons]),
    '',
    '## Checks that do not apply',
    '',
    '| check | releases without it |',
    '| --- | --- |',
    ...notApplicable(releases),
    '',
  ].join('\n');
}

/** What the battery knows of the release itself: its image has nothing special. */
function judged(release: string): Parameters<typeof whyNot>[1] {
  const line = lineOfRelease(release);
  const isOver = line !== undefined && phaseOf(line, new Date()) === 'end-of-life';
  return {
    release,
    capabilities: capabilitiesOf(release),
    traits: isOver ? ['end-of-life'] : [],
    heap: { percentage: 70 },
  };
}

function notApplicable(releases: readonly string[]): string[] {
  return [...sharedChecks, ...containerRuns]
    .filter((check) => isMeantFor(check, { variant: 'runtime' }))
    .flatMap((check) => {
      const without = releases.map((release) => whyNot(check, judged(release)) !== undefined);
      const spans = spansOf(releases, without);
      return spans.length === 0 ? [] : [`| \`${check.id}\` | ${spans.join(', ')} |`];
    });
}

/** Runs of neighbours in a sorted list, as `first to last`. */
function spansOf(releases: readonly string[], marked: readonly boolean[]): string[] {
  const spans: string[] = [];
  let start: number | undefined;
  for (let at = 0; at <= releases.length; at++) {
    if (marked[at] && start === undefined) start = at;
    if (marked[at] || start === undefined) continue;
    const [first, last] = [releases[start], releases[at - 1]];
    spans.push(first === last ? String(first) : `${first} to ${last}`);
    start = undefined;
  }
  return spans;
}
