import schedule from 'node-releases/data/release-schedule/release-schedule.json' with { type: 'json' };
import semver from 'semver';
import { z } from 'zod';

/** Phases of the Node.js release schedule, and `pending` for a line that has not begun. */
export type Phase = 'pending' | 'current' | 'active-lts' | 'maintenance' | 'end-of-life';

export interface ReleaseLine {
  readonly major: number;
  /** Only before 4, where a line was a minor version: 0.12. */
  readonly minor?: number;
  /** Lower case; only lines that become LTS have one. */
  readonly codename?: string;
  /** Days in ISO form, each the first day of what it names. */
  readonly start: string;
  readonly lts?: string;
  readonly maintenance?: string;
  readonly end: string;
}

const Schedule = z.record(
  z.string(),
  z.looseObject({
    start: z.iso.date(),
    lts: z.iso.date().optional(),
    maintenance: z.iso.date().optional(),
    end: z.iso.date(),
    codename: z.string().optional(),
  }),
);

/** Before 4, a line with an odd number was for development, and ended with the first release of the next. */
const developmentLines: z.infer<typeof Schedule> = {
  'v0.9': { start: '2012-07-20', end: '2013-03-11' },
  'v0.11': { start: '2013-03-28', end: '2015-02-06' },
};

/**
 * All lines from 0.8 on, oldest first. Source: the release working group's schedule, as packaged by `node-releases`; for
 * development lines, which it does not have, the days of their first release and of the line after them.
 */
export const releaseLines: readonly ReleaseLine[] = Object.entries({ ...developmentLines, ...Schedule.parse(schedule) })
  .map(([name, line]) => ({
    ...lineNumbers(name),
    ...(line.codename ? { codename: line.codename.toLowerCase() } : {}),
    start: line.start,
    ...(line.lts ? { lts: line.lts } : {}),
    ...(line.maintenance ? { maintenance: line.maintenance } : {}),
    end: line.end,
  }))
  .sort((a, b) => a.major - b.major || (a.minor ?? 0) - (b.minor ?? 0));

function lineNumbers(name: string): { major: number; minor?: number } {
  const [major = 0, minor] = name.slice(1).split('.').map(Number);
  return { major, ...(minor === undefined ? {} : { minor }) };
}

/** Phase of a line on the UTC day of `now`; a phase begins on its day, not the day after. */
export function phaseOf(line: ReleaseLine, now: Date): Phase {
  const today = now.toISOString().slice(0, 10);
  if (today < line.start) return 'pending';
  if (today >= line.end) return 'end-of-life';
  if (line.maintenance !== undefined && today >= line.maintenance) return 'maintenance';
  if (line.lts !== undefined && today >= line.lts) return 'active-lts';
  return 'current';
}

export function isLts(line: ReleaseLine, now: Date): boolean {
  const phase = phaseOf(line, now);
  return (
    line.codename !== undefined &&
    line.lts !== undefined &&
    now.toISOString().slice(0, 10) >= line.lts &&
    phase !== 'end-of-life'
  );
}

export function lineOf(major: number, lines: readonly ReleaseLine[] = releaseLines): ReleaseLine | undefined {
  return lines.find((line) => line.major === major && line.minor === undefined);
}

/** The line of a release: its major version, and before 4 its minor version as well. */
export function lineOfRelease(release: string, lines: readonly ReleaseLine[] = releaseLines): ReleaseLine | undefined {
  const version = semver.parse(release);
  if (!version) return undefined;
  if (version.major > 0) return lineOf(version.major, lines);
  return lines.find((line) => line.major === 0 && line.minor === version.minor);
}

/** What people call a line: 24, 0.12. */
export function lineName({ major, minor }: Pick<ReleaseLine, 'major' | 'minor'>): string {
  return minor === undefined ? String(major) : `${major}.${minor}`;
}
