import { z } from 'zod';
import { severities, type Finding } from '../../formats/attestation/predicate-shapes.ts';
import {
  allow,
  commonConfig,
  defineGate,
  deny,
  missing,
  warn,
  type Answer,
  type GateInput,
  type PlatformInput,
} from '../gate.ts';
import { isAhead } from '../../trust/stated-on.ts';
import { covers, stands } from '../waivers.ts';
import { newestScans, type BelievedScan } from '../newest-scans.ts';

const Config = z.strictObject({
  ...commonConfig,
  deny: z
    .array(z.enum(severities))
    .default(['critical', 'high', 'unknown'])
    .describe('Severities that are refused; what nobody has rated is `unknown`'),
  unfixed: z.enum(['deny', 'allow']).default('deny').describe('What to do where there is no repaired version yet'),
  graceDays: z
    .partialRecord(z.enum(severities), z.number().int().min(0))
    .default({})
    .describe('Days that a repaired version may be out before it has to be in, by severity'),
  kev: z
    .enum(['deny', 'allow'])
    .default('deny')
    .describe('What to do with one that is known to be exploited, whatever its severity'),
  uncovered: z.enum(['deny', 'allow']).default('deny').describe('What to do with components that no feed speaks about'),
  foreign: z
    .enum(['add', 'enough'])
    .default('add')
    .describe('Whether reports of other scanners only add to the scan of ours, or are enough without it'),
  maxScanAgeDays: z.number().positive().default(7).describe('Most days since the scan'),
  maxFeedAgeDays: z.number().positive().default(30).describe('Most days since a feed was made'),
});
type VulnerabilityRules = z.infer<typeof Config>;

export const vulnerabilitiesGate = defineGate({
  name: 'vulnerabilities',
  summary: 'The newest scan of each platform found nothing that the policy refuses, or somebody waived it',
  reason: 'A known hole that can be closed is a choice, and choices have names and dates.',
  Config,
  evaluate: (input, config) => input.platforms.flatMap((target) => judgePlatform(target, input, config)),
});

/** See `scanPredicate`. */
const ownScanner = 'https://nodeworthy.io/scanner';
const dayMs = 86_400_000;

function judgePlatform(target: PlatformInput, input: GateInput, config: VulnerabilityRules): Answer[] {
  const scans = newestScans(target.evidence);
  const isEnough = config.foreign === 'enough' || scans.some(({ scan }) => scan.scanner.uri === ownScanner);
  if (scans.length === 0 || !isEnough)
    return [
      deny(
        `${target.platform}: ${missing('scan', 'scan', target.evidence)}`,
        'name feeds in the recipe, and run again',
      ),
    ];
  return scans.flatMap((scan) => judgeScan(target.platform, scan, { input, config }));
}

function judgeScan(
  platform: string,
  { statement, scan }: BelievedScan,
  { input, config }: { readonly input: GateInput; readonly config: VulnerabilityRules },
): Answer[] {
  const days = (time: string): number => (input.now.getTime() - Date.parse(time)) / dayMs;
  const refuse = (what: string): Answer[] => [
    deny(`${platform}: ${what}`, 'run `nodeworthy feeds update`, then run again', [statement]),
  ];
  const age = days(scan.metadata.scanFinishedOn);
  if (isAhead(scan.metadata.scanFinishedOn, input.now))
    return refuse(`the scan is of ${scan.metadata.scanFinishedOn}, which is not yet`);
  if (age > config.maxScanAgeDays)
    return refuse(`the scan is ${Math.floor(age)} days old, at most ${config.maxScanAgeDays} are taken`);
  // No match is good news only from a feed that is fresh and knows something.
  if (scan.nodeworthy_feeds.length === 0) return refuse('the scan used no feed');
  for (const { name, entries, date } of scan.nodeworthy_feeds) {
    if (entries === 0) return refuse(`the feed ${name} is empty`);
    if (isAhead(date, input.now)) return refuse(`the feed ${name} is of ${date}, which is not yet`);
    if (days(date) > config.maxFeedAgeDays)
      return refuse(
        `the feed ${name} is ${Math.floor(days(date))} days old, at most ${config.maxFeedAgeDays} are taken`,
      );
  }
  const { nodeworthy_unmatched: uncovered } = scan;
  if (uncovered.length > 0 && config.uncovered === 'deny')
    return refuse(`no feed speaks about ${uncovered.length} components, like ${uncovered[0]}`);
  const answers: Answer[] = [];
  let waived = 0;
  for (const finding of scan.nodeworthy_findings) {
    const why = refusal(finding, input.now, config);
    if (why === undefined) continue;
    const name = `${finding.id} in ${finding.name} ${finding.version} (${why})`;
    const waivers = input.waivers.filter((waiver) => covers(waiver, finding));
    const standing = waivers.find((waiver) => stands(waiver, input.now));
    if (standing) {
      waived++;
      const left = Math.ceil((Date.parse(standing.until) - input.now.getTime()) / dayMs);
      if (left <= 14)
        answers.push(
          warn(
            `${platform}: the waiver of ${name} by ${standing.by} lapses on ${standing.until}`,
            'repair it, or have the waiver renewed',
            [statement],
          ),
        );
      continue;
    }
    const lapsed = waivers.at(-1);
    answers.push(
      deny(
        `${platform}: ${name}${lapsed ? `; its waiver by ${lapsed.by} lapsed on ${lapsed.until}` : ''}`,
        finding.fixedVersion === undefined
          ? 'there is no repaired version: a waiver with a name, a reason and a date, or a VEX document, is a way'
          : `take ${finding.fixedVersion}: \`nodeworthy lock --update\`, then run again`,
        [statement],
      ),
    );
  }
  if (answers.some(({ result }) => result === 'deny')) return answers;
  const count = scan.nodeworthy_findings.length;
  return [...answers, allow(`${platform}: ${count} known, none refused, ${waived} waived`, [statement])];
}

/** @returns why the policy refuses a finding; undefined when it does not */
function refusal(finding: Finding, now: Date, config: VulnerabilityRules): string | undefined {
  if (finding.vex && ['not_affected', 'fixed'].includes(finding.vex.status)) return undefined;
  if (finding.kev && config.kev === 'deny') return 'known to be exploited';
  if (!config.deny.includes(finding.severity)) return undefined;
  if (finding.fixedVersion === undefined)
    return config.unfixed === 'deny' ? `${finding.severity}, not repaired` : undefined;
  const grace = config.graceDays[finding.severity] ?? 0;
  // Nobody knows since when: the time of grace is over.
  const since = finding.fixedSince === undefined ? Number.NaN : Date.parse(finding.fixedSince);
  const days = (now.getTime() - since) / dayMs;
  if (days <= grace && grace > 0) return undefined;
  const age = Number.isNaN(days) ? 'repaired' : `repaired for ${Math.floor(days)} days`;
  return `${finding.severity}, ${age} in ${finding.fixedVersion}`;
}
