import { z } from 'zod';
import { feedKinds } from '../../formats/vulnerabilities/feed-kinds.ts';
import { isAhead } from '../../trust/stated-on.ts';
import { allow, commonConfig, defineGate, deny, missing, type Answer, type PlatformInput } from '../gate.ts';
import { newestScans } from '../newest-scans.ts';

export const feedsGate = defineGate({
  name: 'feeds',
  summary: 'The scan used the feeds that are asked for, and none of them is empty or old',
  reason: 'No match in a feed of last year is no good news.',
  Config: z.strictObject({
    ...commonConfig,
    required: z.array(z.enum(feedKinds)).default([]).describe('Kinds of feed that the scan must have used'),
    maxAgeDays: z.number().positive().default(7).describe('Most days since a feed was made'),
  }),
  evaluate: ({ platforms, now }, config) => platforms.flatMap((target) => judgePlatform(target, now, config)),
});

interface FeedRules {
  readonly required: readonly string[];
  readonly maxAgeDays: number;
}

function judgePlatform(
  { platform, evidence }: PlatformInput,
  now: Date,
  { required, maxAgeDays }: FeedRules,
): Answer[] {
  const fix = 'run `nodeworthy feeds update`, then run again';
  const scans = newestScans(evidence);
  if (scans.length === 0) return [deny(`${platform}: ${missing('scan', 'scan', evidence)}`, fix)];
  const feeds = scans.flatMap(({ scan }) => scan.nodeworthy_feeds);
  const statements = scans.map(({ statement }) => statement);
  const problems: string[] = [];
  for (const kind of required)
    if (!feeds.some((feed) => feed.kind === kind)) problems.push(`no feed of the kind ${kind} was used`);
  for (const feed of feeds) {
    const days = (now.getTime() - Date.parse(feed.date)) / 86_400_000;
    if (isAhead(feed.date, now)) problems.push(`the feed ${feed.name} is of ${feed.date}, which is not yet`);
    if (feed.entries === 0) problems.push(`the feed ${feed.name} is empty`);
    if (days > maxAgeDays)
      problems.push(`the feed ${feed.name} is ${Math.floor(days)} days old, at most ${maxAgeDays} are taken`);
  }
  if (feeds.length === 0) problems.push('the scan used no feed at all');
  return problems.length === 0
    ? [allow(`${platform}: ${feeds.length} feeds, none older than ${maxAgeDays} days`, statements)]
    : problems.map((problem) => deny(`${platform}: ${problem}`, fix, statements));
}
