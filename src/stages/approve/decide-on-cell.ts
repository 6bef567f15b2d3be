import { canonicalJson } from '../../core/canonical-json.ts';
import type { Context } from '../../core/context.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { attachEvidence } from '../../evidence/evidence-store.ts';
import { statementBytes } from '../../formats/attestation/statement.ts';
import { decide } from '../../gates/decide.ts';
import { authorsOf } from '../../gates/authors-of.ts';
import { believedEvidence } from '../../evidence/believed-evidence.ts';
import { openSignerOfPem } from '../../signers/open-signer.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { mayState, outOfUse } from '../../trust/trust-policy.ts';
import type { Candidate } from '../assemble/assemble-cell.ts';
import type { GatedCell, Policy } from '../gate/gate-cell.ts';

export interface DecideRequest {
  readonly decision: 'approved' | 'rejected';
  readonly candidate: Candidate;
  readonly name: string;
  readonly policy: Policy;
  readonly key: { readonly pem: string; readonly path: string };
  readonly reason: string;
  readonly days: number;
  /** What the person looked at, where that was somewhere else. */
  readonly wantedDigest: string | undefined;
  readonly overrules: readonly string[];
  readonly context: Context;
}

export interface Decided {
  readonly cell: string;
  readonly environment: string;
  readonly person: string;
  readonly digest: Digest;
  readonly expiresOn: string;
  /** Statements that the decision names. */
  readonly evidence: GatedCell['seen'];
  /** What the gates say now. */
  readonly after: Pick<GatedCell, 'decision'>;
}

/**
 * Signs a person's decision with that person's key, and attaches it to the index. It names the digest, the policy and
 * all evidence that was seen: when any of it changes, it no longer counts.
 * @throws Failure KEY_INVALID for a key that may not approve, DENIED for the author, UNVERIFIED for another digest
 */
export async function decideOnCell(store: LayoutStore, gated: GatedCell, request: DecideRequest): Promise<Decided> {
  const { policy, candidate, context } = request;
  const signer = await openSignerOfPem(request.key, context.env);
  const trusted = policy.trust.signers.find(({ identity }) => identity.kind === 'key' && identity.hint === signer.hint);
  const cannot = (why: string): Failure =>
    new Failure('KEY_INVALID', `${request.key.path} cannot decide: ${why}`, {
      hint: 'the trust list of the recipe says whose key may state approvals',
    });
  if (!trusted) throw cannot('nobody trusts this key');
  if (!mayState(trusted, { kind: 'approval', isFailure: false })) throw cannot(`${trusted.name} may not approve`);
  const stale = outOfUse(trusted, context.verificationTime);
  if (stale !== undefined) throw cannot(stale);
  const person = trusted.person ?? '';
  if (request.decision === 'approved' && authorsOf(gated.input).includes(person.toLowerCase()))
    throw new Failure('DENIED', `${person} is an author of ${candidate.cell}, and approves nothing of it`, {
      hint: 'ask somebody else',
    });
  const digest = candidate.index.digest;
  if (request.wantedDigest !== undefined && request.wantedDigest !== digest)
    throw new Failure('UNVERIFIED', `${candidate.cell} is ${digest} now, not ${request.wantedDigest}`, {
      hint: 'look again at what it is now, with `nodeworthy pending`',
    });
  const expiresOn = new Date(context.verificationTime.getTime() + request.days * 86_400_000).toISOString();
  const predicate = {
    decision: request.decision,
    environment: policy.environment,
    person,
    roles: trusted.roles,
    reason: request.reason,
    evidence: gated.seen,
    policy: policy.digest,
    decidedOn: context.verificationTime.toISOString(),
    expiresOn,
    overrules: request.overrules,
  };
  const bytes = statementBytes({ kind: 'approval', name: request.name, subject: digest, predicate });
  const inputs = digestOf(canonicalJson({ predicate, key: signer.hint }));
  const bundle = await signer.sign(bytes);
  await attachEvidence(store, candidate.index, [
    { kind: 'approval', bundle, createdOn: context.verificationTime, inputs },
  ]);
  const evidence = await believedEvidence(store, digest, { trust: policy.trust, now: context.verificationTime });
  const decision = decide({ ...gated.input, evidence }, policy.config.gates, policy.custom);
  return {
    cell: candidate.cell,
    environment: policy.environment,
    person,
    digest,
    expiresOn,
    evidence: gated.seen,
    after: { decision },
  };
}
