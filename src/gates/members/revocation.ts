import { RevocationSchema } from '../../formats/attestation/predicate-shapes.ts';
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

/** A quarantine ends when it is released; a revocation never does. */
function standingRevocations({ subject, statements }: EvidenceOf) {
  const records = statements
    .filter(({ kind }) => kind === 'revocation')
    .flatMap((statement) => {
      const record = readPredicate(statement, RevocationSchema);
      // One that cannot be read still stops the image: nobody states it by mistake.
      return [{ statement, record: record ?? { action: 'revoked' as const, reason: 'unreadable', by: '', on: '' } }];
    })
    .sort((a, b) => (a.record.on < b.record.on ? -1 : 1));
  const revoked = records.filter(({ record }) => record.action === 'revoked');
  const last = records.findLast(({ record }) => record.action !== 'revoked');
  const standing = [...revoked, ...(last?.record.action === 'quarantined' ? [last] : [])];
  return standing.map(({ statement, record }) =>
    deny(
      `${subject} is ${record.action} since ${record.on} by ${record.by}: ${record.reason}`,
      record.action === 'revoked'
        ? 'a revocation is for ever: build another image'
        : 'wait until the quarantine is released with `nodeworthy revoke --release`',
      [statement],
    ),
  );
}
