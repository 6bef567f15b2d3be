import type { Digest } from '../core/digest.ts';
import type { EvidenceOf } from '../gates/gate.ts';
import type { Store } from '../store/store.ts';
import { judgeBundle, type Judgement } from '../trust/judge-bundle.ts';
import type { TrustPolicy } from '../trust/trust-policy.ts';
import { eachEvidence, maxBundleBytes } from './evidence-store.ts';

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
  const judged = await eachEvidence(store, subject, async (item): Promise<Judgement> => {
    if ('bytes' in item) return await judgeBundle(item.bytes, { subject, trust, now });
    const problem = `it has ${item.bundle.size} bytes, and no statement has more than ${maxBundleBytes}`;
    return { believed: false, kind: undefined, problem, bundleDigest: item.bundle.digest };
  });
  return {
    subject,
    statements: judged.flatMap((item) => (item.believed ? [item.statement] : [])),
    disbelieved: judged.flatMap((item) => (item.believed ? [] : [item])),
  };
}
