import { z } from 'zod';
import { allow, commonConfig, defineGate, deny, type Answer, type GateInput } from '../gate.ts';
import { newestScans } from '../newest-scans.ts';
import { stands } from '../waivers.ts';

const phases = ['current', 'active-lts', 'maintenance'] as const;

export const nodeLineGate = defineGate({
  name: 'node-line',
  summary: 'The Node.js release line is maintained, and in a phase that the environment takes',
  reason: 'Nobody repairs a line past its end; a current line may still change under an application.',
  Config: z.strictObject({
    ...commonConfig,
    phases: z
      .array(z.enum(phases))
      .min(1)
      .default([...phases])
      .describe('Phases that are taken; for production [active-lts, maintenance]'),
  }),
  evaluate(input, { phases: taken }) {
    const { image, facts } = input;
    const { line } = facts;
    if (!line)
      return [deny(`nobody knows a release line of ${image.release}`, 'use a release of the Node.js schedule')];
    if (line.phase === 'end-of-life') return [judgeEnded(input, line)];
    if (line.phase === 'pending') return [deny(`Node.js ${line.name} has not begun`, 'use a line that has begun')];
    return taken.some((phase) => phase === line.phase)
      ? [allow(`Node.js ${line.name} is ${line.phase} until ${line.end}`)]
      : [
          deny(
            `Node.js ${line.name} is ${line.phase}, which is not taken here`,
            `use a line that is ${taken.join(' or ')}`,
          ),
        ];
  },
});

type Line = NonNullable<GateInput['facts']['line']>;

/** A line past its end is refused, unless somebody takes responsibility for it by name and until a day. */
function judgeEnded(input: GateInput, line: Line): Answer {
  const waivers = input.waivers.filter((waiver) => waiver.line === line.name);
  const standing = waivers.find((waiver) => stands(waiver, input.now));
  const ended = `Node.js ${line.name} ended on ${line.end}`;
  if (standing)
    return allow(`${ended}; ${standing.by} takes responsibility until ${standing.until}: ${standing.reason}`);
  const lapsed = waivers.at(-1);
  return deny(
    `${ended}; ${knownVulnerabilities(input)}${lapsed ? `; its waiver by ${lapsed.by} lapsed on ${lapsed.until}` : ''}`,
    'move to a maintained line, or have somebody take responsibility in a waiver of this line with a last day',
  );
}

/** Those of Node.js itself, by the newest scans. */
function knownVulnerabilities({ platforms }: GateInput): string {
  const scans = platforms.flatMap(({ evidence }) => newestScans(evidence));
  if (scans.length === 0) return 'its known vulnerabilities were not looked up: the image has no scan';
  const ids = [
    ...new Set(
      scans.flatMap(({ scan }) =>
        scan.nodeworthy_findings
          .filter(({ name, id, vex }) => name === 'node' && !id.startsWith('NODE-') && vex === undefined)
          .map(({ id }) => id),
      ),
    ),
  ].sort();
  if (ids.length === 0) return 'no feed knows a vulnerability of it, and nobody looks for them any more';
  const more = ids.length > 8 ? ` and ${ids.length - 8} more` : '';
  return `known vulnerabilities of it: ${ids.slice(0, 8).join(', ')}${more}`;
}
