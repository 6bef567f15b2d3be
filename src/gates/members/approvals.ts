import { z } from 'zod';
import { ApprovalSchema, CertificateSchema, type Approval } from '../../formats/attestation/predicate-shapes.ts';
import {
  allow,
  commonConfig,
  defineGate,
  deny,
  readPredicate,
  statementsOf,
  type Answer,
  type GateInput,
} from '../gate.ts';
import type { BelievedStatement } from '../../trust/judge-bundle.ts';
import { isAhead } from '../../trust/stated-on.ts';
import { authorsOf } from '../authors-of.ts';
import { evidenceSeen } from '../evidence-seen.ts';
import { newestScans } from '../newest-scans.ts';

const automatic = ['security-fix'] as const;

/** Comes last: it knows what the others said. */
export const approvalsGate = defineGate({
  name: 'approvals',
  summary: 'Enough people approved exactly this digest on exactly this evidence, and its authors are none of them',
  reason: 'A machine says what it found; people take responsibility.',
  Config: z.strictObject({
    ...commonConfig,
    required: z.number().int().min(1).default(1).describe('How many people'),
    roles: z
      .record(z.string(), z.number().int().min(1))
      .default({})
      .describe('How many of them with a role of the trust policy, like { security: 1 }'),
    automatic: z
      .array(z.enum(automatic))
      .default([])
      .describe(
        'Changes that need nobody when all other gates are open: `security-fix`, an image of the same line that repairs what the published one has',
      ),
  }),
  evaluate(input, { required: wanted, roles, automatic: kinds }) {
    // Whoever wrote what is not committed may be one of those who approve.
    const required = wanted + (input.image.doubts.length > 0 ? 1 : 0);
    const found = input.evidence.statements.flatMap((statement) => {
      const approval = statement.kind === 'approval' ? readPredicate(statement, ApprovalSchema) : undefined;
      return approval && approval.environment === input.environment ? [{ statement, approval }] : [];
    });
    const judged = found.map((item) => ({ ...item, problem: problemOf(item, input) }));
    // A no stays a no when evidence or rules change: only its person, or time, takes it back.
    const rejected = found.find(
      (item) => item.approval.decision === 'rejected' && personProblem(item, input.now) === undefined,
    );
    if (rejected)
      return [
        deny(
          `${rejected.approval.person} rejected it: ${rejected.approval.reason}`,
          'build another image, or let the rejection expire',
          [rejected.statement],
        ),
      ];
    const counted = new Map<string, (typeof judged)[number]>();
    for (const item of judged)
      if (item.problem === undefined && item.approval.decision === 'approved')
        counted.set((item.statement.signer.person ?? '').toLowerCase(), item);
    const approvers = [...counted.values()];
    const short = [
      ...(approvers.length < required ? [`${approvers.length} of ${required} approvals`] : []),
      ...Object.entries(roles).flatMap(([role, count]) => {
        const have = approvers.filter(({ statement }) => statement.signer.roles.includes(role)).length;
        return have < count ? [`${have} of ${count} by ${role}`] : [];
      }),
    ];
    const names = approvers.map(({ approval }) => approval.person).join(', ');
    if (short.length === 0)
      return [
        allow(
          `approved by ${names}`,
          approvers.map(({ statement }) => statement),
        ),
      ];
    // What nobody committed may be more than the repair.
    if (kinds.includes('security-fix') && input.image.doubts.length === 0) {
      const fixes = [...fixedBy(input), ...approvedBefore(input)];
      const blocked = input.verdicts.some(({ result }) => result === 'deny' || result === 'wait');
      if (fixes.length > 0 && !blocked) return [allow(automaticReason(fixes))];
    }
    const unfit = judged.flatMap(({ approval, problem }) =>
      problem === undefined ? [] : [`${approval.person}: ${problem}`],
    );
    return [
      {
        result: 'wait',
        reason: [
          `has ${short.join(', ')}`,
          ...input.image.doubts.map((doubt) => `one more is needed, for ${doubt}`),
          ...(unfit.length > 0 ? [`not counted: ${unfit.join('; ')}`] : []),
        ].join('; '),
        fix: `\`nodeworthy approve ${input.image.cell} --environment ${input.environment}\` with the key of an approver`,
        evidence: approvers.map(({ statement }) => statement.payloadDigest),
      } satisfies Answer,
    ];
  },
});

interface Decided {
  readonly statement: BelievedStatement;
  readonly approval: Approval;
}

/** @returns why a decision is nobody's, or over; undefined when it stands */
function personProblem({ statement, approval }: Decided, now: Date): string | undefined {
  const { person } = statement.signer;
  if (person === undefined) return `the key ${statement.signer.name} is no person’s`;
  if (approval.person !== person) return `the key belongs to ${person}`;
  if (Date.parse(approval.expiresOn) <= now.getTime()) return `expired on ${approval.expiresOn}`;
  // Signed with a clock that was set forward, it would never end; what stops an image may come before its time.
  return approval.decision === 'approved' && isAhead(approval.decidedOn, now)
    ? `is of ${approval.decidedOn}, which is not yet`
    : undefined;
}

/** @returns why an approval does not count; undefined when it does */
function problemOf(decided: Decided, input: GateInput): string | undefined {
  const { statement, approval } = decided;
  const problem = personProblem(decided, input.now);
  if (problem !== undefined) return problem;
  const authors = authorsOf(input);
  if (authors.length === 0) return 'nobody knows who the author is: name signing.author in the recipe';
  if (authors.includes((statement.signer.person ?? '').toLowerCase())) return 'is an author';
  if (approval.policy !== input.policy) return 'saw another policy';
  const now = new Set(evidenceSeen(input).map((item) => `${item.kind} ${item.subject} ${item.digest}`));
  const seen = new Set(approval.evidence.map((item) => `${item.kind} ${item.subject} ${item.digest}`));
  const fresh = [...now].find((item) => !seen.has(item));
  if (fresh !== undefined) return `did not see ${fresh.split(' ')[0]} as it is now`;
  const gone = [...seen].find((item) => !now.has(item));
  return gone === undefined ? undefined : `saw ${gone.split(' ')[0]} that is no longer there`;
}

/** Findings of the published image that this one does not have. Where nobody looked, nothing is repaired. */
function fixedBy({ previous, platforms }: GateInput): string[] {
  if (!previous || platforms.some(({ evidence }) => newestScans(evidence).length === 0)) return [];
  const now = new Set(
    platforms.flatMap(({ evidence }) =>
      newestScans(evidence).flatMap(({ scan }) => scan.nodeworthy_findings.map(({ id }) => id)),
    ),
  );
  return previous.findings.filter((id) => !now.has(id));
}

/** Repairs for which the image was certified under this policy: it replaced the other one then. */
function approvedBefore({ evidence, environment, policy }: GateInput): string[] {
  return statementsOf(evidence, 'certificate').flatMap((statement) => {
    const certificate = readPredicate(statement, CertificateSchema);
    const fits =
      certificate?.nodeworthy_environment === environment && `sha256:${certificate.policy.digest.sha256}` === policy;
    const verdict = fits ? certificate.nodeworthy_verdicts.find(({ gate }) => gate === 'approvals') : undefined;
    return verdict?.result === 'allow' && verdict.reason.startsWith(automaticPrefix)
      ? [verdict.reason.slice(automaticPrefix.length)]
      : [];
  });
}

const automaticPrefix = 'nobody has to approve a repair of ';

function automaticReason(fixes: readonly string[]): string {
  return `${automaticPrefix}${[...new Set(fixes)].slice(0, 5).join(', ')}`;
}
