import { mapConcurrent } from '../core/concurrency.ts';
import type { Digest } from '../core/digest.ts';
import { isRestriction, judgeBundle, type BelievedStatement } from '../trust/judge-bundle.ts';
import type { PredicateKind } from '../formats/attestation/predicates.ts';
import type { Store } from '../store/store.ts';
import type { BelieveOptions } from './believed-evidence.ts';
import { copyEvidence, type ListedReferrers } from './evidence-store.ts';

const kinds: ReadonlySet<PredicateKind> = new Set(['revocation', 'approval', 'reproduction']);

/**
 * Brings what stops an image from where it is published: images are the same bytes wherever they are made, and a store
 * that is new, or that lost a statement, knows nothing of what was taken back. What frees comes along, for it is judged
 * by the same rules.
 * @param subjects the index and its platforms
 * @returns what each target lists
 */
export async function learnStops(
  targets: readonly Store[],
  store: Store,
  subjects: readonly Digest[],
  { trust, now }: BelieveOptions,
): Promise<ReadonlyMap<Store, ListedReferrers>> {
  const learned = await mapConcurrent(
    targets.filter((target) => target !== store),
    4,
    async (target) => {
      const some = {
        kinds,
        async wants(bytes: Buffer, subject: Digest) {
          const judged = await judgeBundle(bytes, { subject, trust, now });
          return judged.believed && mayStop(judged.statement);
        },
      };
      return [target, (await copyEvidence(target, store, subjects, { some })).listed] as const;
    },
  );
  return new Map(learned);
}

function mayStop({ kind, predicate, isFailure }: BelievedStatement): boolean {
  return isRestriction(kind, predicate) || kind === 'revocation' || (kind === 'reproduction' && isFailure);
}
