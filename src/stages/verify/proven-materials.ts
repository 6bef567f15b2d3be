import { believedEvidence } from '../../evidence/believed-evidence.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { ProvenanceSchema } from '../../formats/attestation/predicate-shapes.ts';
import { missing, readPredicate, statementsOf } from '../../gates/gate.ts';
import type { Store } from '../../store/store.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import type { ProvenMaterials } from '../attest/archive-cell.ts';

/**
 * What somebody who is believed says that an image was made from. A second build runs scripts of these packages: it
 * must not run anybody's.
 * @throws Failure UNVERIFIED when nobody who is believed says it
 */
export async function provenMaterials(
  store: Store,
  index: Digest,
  { trust, now }: { readonly trust: TrustPolicy; readonly now: Date },
): Promise<ProvenMaterials> {
  const evidence = await believedEvidence(store, index, { trust, now });
  const [provenance] = statementsOf(evidence, 'provenance').flatMap(
    (statement) => readPredicate(statement, ProvenanceSchema) ?? [],
  );
  if (!provenance)
    throw new Failure('UNVERIFIED', missing('provenance that is believed', 'provenance', evidence), {
      hint: 'name the key that signed it with --key, or a trust file with --trust; nothing was built',
    });
  const { resolvedDependencies, internalParameters } = provenance.buildDefinition;
  return {
    configuration: internalParameters?.configuration ?? '',
    inputs: resolvedDependencies.map(({ digest }) => `sha256:${digest.sha256}` as Digest),
  };
}
