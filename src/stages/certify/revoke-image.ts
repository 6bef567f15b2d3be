import { compareText } from '../../core/canonical-json.ts';
import type { Context } from '../../core/context.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { believedEvidence } from '../../evidence/believed-evidence.ts';
import { copyEvidence } from '../../evidence/evidence-store.ts';
import type { Signing } from '../../evidence/signing.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import { standingRestrictions, type Restriction } from '../../gates/members/revocation.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readIndex } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import { signPlanned, type PlannedStatement } from '../attest/attest-cell.ts';

export type Withdrawal =
  | { readonly kind: 'revocation'; readonly action: 'revoked' | 'quarantined' | 'released'; readonly reason: string }
  | { readonly kind: 'end-of-life'; readonly endOfLife: string; readonly successor?: string };

export interface Revoked {
  readonly digest: Digest;
  readonly word: string;
  readonly subjects: readonly Digest[];
}

export interface RevokeRequest {
  readonly what: Withdrawal;
  readonly name: string;
  readonly signing: Signing;
  readonly store: LayoutStore;
  /** Who is believed in the workspace: a record that nobody believes has no effect, and that is said. */
  readonly trust: TrustPolicy;
}

/**
 * Says of an index and each of its platforms that it is taken back, and sends that to wherever the image is. Records
 * are only ever added: a revocation cannot be undone, a quarantine is released by another record.
 */
export async function revokeImage(
  targets: readonly { readonly name: string; readonly store: Store }[],
  image: Descriptor,
  { what, name, signing, store, trust }: RevokeRequest,
  context: Context,
): Promise<Revoked> {
  const platforms = isIndexType(image.mediaType) ? (await readIndex(store, image.digest)).manifests : [];
  const subjects = [image, ...platforms];
  const on = context.verificationTime.toISOString();
  const stores = [store, ...targets.flatMap((target) => (target.store === store ? [] : [target.store]))];
  const standing = async (at: Store, digest: Digest): Promise<Restriction[]> =>
    standingRestrictions(await believedEvidence(at, digest, { trust, now: context.verificationTime }));
  const planned: PlannedStatement[] = [];
  for (const { mediaType, digest, size } of subjects) {
    const predicate =
      what.kind === 'end-of-life'
        ? { endOfLife: what.endOfLife, ...(what.successor === undefined ? {} : { successor: what.successor }) }
        : {
            action: what.action,
            reason: what.reason,
            by: signing.author,
            on,
            ...(what.action === 'released' ? { releases: await quarantinesOf(digest) } : {}),
          };
    planned.push({
      subject: { mediaType, digest, size },
      kind: what.kind,
      basis: predicate,
      predicate: () => predicate,
    });
  }
  await signPlanned(store, planned, { name, signing }, context);
  const digests = subjects.map(({ digest }) => digest);
  const failed: string[] = [];
  for (const target of targets) {
    if (target.store === store) continue;
    // One that does not answer keeps nobody else from knowing.
    try {
      if (await target.store.getManifest(image.digest)) await copyEvidence(store, target.store, digests);
    } catch (error) {
      context.signal.throwIfAborted();
      failed.push(`${target.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (failed.length > 0)
    throw new Failure('REGISTRY_UNREACHABLE', `the record is in the store, and did not reach ${failed.join('; ')}`, {
      hint: 'run the same command again until it does: whoever pulls from there does not know yet',
    });
  if (what.kind === 'revocation') await requireEffect(what.action);
  return {
    digest: image.digest,
    word: what.kind === 'revocation' ? what.action : 'the last of its line',
    subjects: digests,
  };

  /** The quarantines that stand on a digest, wherever it is: a release answers these, and no later one. */
  async function quarantinesOf(digest: Digest): Promise<Digest[]> {
    const found = new Set<Digest>();
    for (const at of stores)
      for (const { statement, record } of await standing(at, digest))
        if (record.action === 'quarantined') found.add(statement.payloadDigest);
    if (digest === image.digest && found.size === 0)
      throw new Failure('NOT_FOUND', `${digest} is in no quarantine that is believed here`, {
        hint: 'see what is said of it with `nodeworthy verify --explain`',
      });
    return [...found].sort(compareText);
  }

  /** What was said is worth what others believe of it: all is read back, as they would read it. */
  async function requireEffect(action: 'revoked' | 'quarantined' | 'released'): Promise<void> {
    for (const at of stores) {
      if (at !== store && !(await at.getManifest(image.digest))) continue;
      for (const digest of digests) {
        const left = await standing(at, digest);
        const hasEffect =
          action === 'released'
            ? left.every(({ record }) => record.action === 'revoked')
            : left.some(({ record }) => record.action === action && record.on === on);
        if (hasEffect) continue;
        throw new Failure('UNVERIFIED', `${at.location}: the record was stored, and ${digest} is not ${action} by it`, {
          hint:
            action === 'released'
              ? 'who stopped it has roles that this key lacks, or stopped it again: release it with a key of that standing'
              : 'the key is not trusted to revoke: give it `revocation` under trust in the recipe, and run again',
        });
      }
    }
  }
}
