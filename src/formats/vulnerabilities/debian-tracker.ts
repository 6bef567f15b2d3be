import { z } from 'zod';
import { compareDebianVersions } from '../deb/version.ts';
import { severityOfWord, type Match } from './advisory.ts';

const Release = z.looseObject({
  status: z.string(),
  urgency: z.string().optional(),
  fixed_version: z.string().optional(),
  nodsa: z.string().optional(),
});

/** What the Debian security tracker says of one source package: CVE to releases (its `data/json`). */
export const TrackedPackageSchema = z.record(
  z.string(),
  z.looseObject({ description: z.string().optional(), releases: z.record(z.string(), Release).default({}) }),
);
export type TrackedPackage = z.infer<typeof TrackedPackageSchema>;

/** @param version of the source package */
export function matchDebianTracker(tracked: TrackedPackage, codename: string, version: string): Match[] {
  return Object.entries(tracked).flatMap(([id, { description, releases }]): Match[] => {
    const release = releases[codename];
    if (!release) return [];
    const { status, urgency, fixed_version: fixed } = release;
    // `0`: no version of this release was ever affected.
    if (fixed === '0') return [];
    const isFixed = status === 'resolved' && (fixed === undefined || compareDebianVersions(version, fixed) >= 0);
    if (isFixed) return [];
    return [
      {
        id,
        aliases: [],
        severity: severityOfWord(urgency),
        ...(status === 'resolved' && fixed !== undefined ? { fixedVersion: fixed } : {}),
        ...(description === undefined ? {} : { summary: description }),
      },
    ];
  });
}
