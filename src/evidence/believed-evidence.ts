import { mapConcurrent } from '../core/concurrency.ts';
import type { Digest } from '../core/digest.ts';
import type { EvidenceOf } from '../gates/gate.ts';
import type { Store } from '../store/store.ts';
import { judgeBundle } from '../trust/judge-bundle.ts';
import type { TrustPolicy } from '../trust/trust-policy.ts';
import { readEvidence } from './evidence-store.ts';

export interface BelieveOptions {
  readonly trust: TrustPolicy;
  readonly now: Date;
}

/** What is said of a digest, parted into what is believed and what is not. */
export async function believedEvidence(
  store: Store,
  subject: Digest,
  { trust, now }: BelieveOptions,
): Promise<EvidenceOf> {
  const stored = await readEvidence(store, subject);
  const judged = await mapConcurrent(stored, 4, ({ bytes }) => judgeBundle(bytes, { subject, trust, now }));
  return {
    subject,
    statements: judged.flatMap((item) => (item.believed ? [item.statement] : [])),
    disbelieved: judged.flatMap((item) => (item.believed ? [] : [item])),
  };
}
