import schedule from 'node-releases/data/release-schedule/release-schedule.json' with { type: 'json' };
import { z } from 'zod';

/** Phases of the Node.js release schedule, and `pending` for a line that has not begun. */
export type Phase = 'pending' | 'current' | 'active-lts' | 'maintenance' | 'end-of-life';

export interface ReleaseLine {
  readonly major: number;
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

/** All lines from 4 on, oldest first. Source: the release working group's schedule, as packaged by `node-releases`. */
export const releaseLines: readonly ReleaseLine[] = Object.entries(Schedule.parse(schedule))
  .filter(([name]) => /^v\d+$/.test(name) && Number(name.slice(1)) >= 4)
  .map(([name, line]) => ({
    major: Number(name.slice(1)),
    ...(line.codename ? { codename: line.codename.toLowerCase() } : {}),
    start: line.start,
    ...(line.lts ? { lts: line.lts } : {}),
    ...(line.maintenance ? { maintenance: line.maintenance } : {}),
    end: line.end,
  }))
  .sort((a, b) => a.major - b.major);

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
  return lines.find((line) => line.major === major);
}
