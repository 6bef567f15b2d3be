import type { z } from 'zod';
import { RevocationSchema } from '../../formats/attestation/predicate-shapes.ts';
import type { BelievedStatement } from '../../trust/judge-bundle.ts';
import type { TrustedSigner } from '../../trust/trust-policy.ts';
import { allow, defineGate, deny, RequiredConfig, readPredicate, type EvidenceOf } from '../gate.ts';

/** Always asked, whatever a policy says. */
export const revocationGate = defineGate({
  name: 'revocation',
  summary: 'Nothing was taken back: neither the index nor a platform is revoked or quarantined',
  reason: 'What was certified once may have to stop at once.',
  Config: RequiredConfig,
  evaluate({ evidence, platforms }) {
    const found = [evidence, ...platforms.map((target) => target.evidence)].flatMap(standingRevocations);
    return found.length > 0 ? found : [allow('nothing was taken back')];
  },
});

export interface Restriction {
  readonly statement: BelievedStatement;
  readonly record: z.infer<typeof RevocationSchema>;
}

/**
 * What stops an image now. A revocation is for ever. A quarantine ends with a release that names it, by somebody of at
 * least the standing of who stopped it; what clocks say about order decides nothing.
 */
export function standingRestrictions({ statements }: EvidenceOf): Restriction[] {
  const records = statements
    .filter(({ kind }) => kind === 'revocation')
    .map((statement): Restriction => {
      const record = readPredicate(statement, RevocationSchema);
      // One that cannot be read still stops the image: nobody states it by mistake.
      return { statement, record: record ?? { action: 'revoked', reason: 'unreadable', by: '', on: '', releases: [] } };
    });
  const releases = records.filter(({ record }) => record.action === 'released');
  return records.filter(({ statement, record }) => {
    if (record.action === 'released') return false;
    if (record.action === 'revoked') return true;
    return !releases.some(
      (release) =>
        release.record.releases.includes(statement.payloadDigest) &&
        mayRelease(release.statement.signer, statement.signer),
    );
  });
}

/** Whoever stopped it himself, or somebody who has all of his roles. */
export function mayRelease(releaser: TrustedSigner, stopper: TrustedSigner): boolean {
  if (releaser.name === stopper.name) return true;
  if (releaser.person !== undefined && releaser.person === stopper.person) return true;
  return stopper.roles.every((role) => releaser.roles.includes(role));
}

function standingRevocations(evidence: EvidenceOf) {
  const { subject } = evidence;
  return standingRestrictions(evidence).map(({ statement, record }) =>
    deny(
      `${subject} is ${record.action} since ${record.on} by ${record.by}: ${record.reason}`,
      record.action === 'revoked'
        ? 'a revocation is for ever: build another image'
        : 'wait until the quarantine is released with `nodeworthy revoke --release`',
      [statement],
    ),
  );
}
