import { compareText } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { ScanSchema } from '../formats/attestation/predicate-shapes.ts';
import type { PredicateKind } from '../formats/attestation/predicates.ts';
import type { EvidenceOf } from './gate.ts';

export interface SeenEvidence {
  readonly kind: string;
  readonly subject: Digest;
  readonly digest: Digest;
}

/** Decisions about an image are no evidence of it. */
const decisions: ReadonlySet<PredicateKind> = new Set([
  'approval',
  'certificate',
  // A second build adds weight, and takes nothing away from what was seen.
  'reproduction',
  'end-of-life',
  'revocation',
  'signature',
]);

/**
 * What an approver sees and names. A scan counts by what it found: the same findings with the feeds of the next day
 * are the same evidence.
 */
export function evidenceSeen({
  evidence,
  platforms,
}: {
  readonly evidence: EvidenceOf;
  readonly platforms: readonly { readonly evidence: EvidenceOf }[];
}): SeenEvidence[] {
  const found = [evidence, ...platforms.map((target) => target.evidence)].flatMap(({ subject, statements }) =>
    statements
      .filter(({ kind }) => !decisions.has(kind))
      .map(({ kind, predicate, payloadDigest }) => ({
        kind,
        subject,
        digest:
          kind === 'scan'
            ? (ScanSchema.safeParse(predicate).data?.nodeworthy_findingsDigest ?? payloadDigest)
            : payloadDigest,
      })),
  );
  const unique = new Map(found.map((item) => [`${item.kind} ${item.subject} ${item.digest}`, item]));
  return [...unique].sort(([a], [b]) => compareText(a, b)).map(([, item]) => item);
}
