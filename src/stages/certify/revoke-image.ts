import type { Context } from '../../core/context.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { copyEvidence } from '../../evidence/evidence-store.ts';
import type { Signing } from '../../evidence/signing.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readIndex } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
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
}

/**
 * Says of an index and each of its platforms that it is taken back, and sends that to wherever the image is. Records
 * are only ever added: a revocation cannot be undone, a quarantine is released by another record.
 */
export async function revokeImage(
  targets: readonly { readonly name: string; readonly store: Store }[],
  image: Descriptor,
  { what, name, signing, store }: RevokeRequest,
  context: Context,
): Promise<Revoked> {
  const platforms = isIndexType(image.mediaType) ? (await readIndex(store, image.digest)).manifests : [];
  const subjects = [image, ...platforms];
  const on = context.verificationTime.toISOString();
  const predicate =
    what.kind === 'revocation'
      ? { action: what.action, reason: what.reason, by: signing.author, on }
      : { endOfLife: what.endOfLife, ...(what.successor === undefined ? {} : { successor: what.successor }) };
  const planned = subjects.map(({ mediaType, digest, size }): PlannedStatement => ({
    subject: { mediaType, digest, size },
    kind: what.kind,
    basis: predicate,
    predicate: () => predicate,
  }));
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
  return {
    digest: image.digest,
    word: what.kind === 'revocation' ? what.action : 'the last of its line',
    subjects: digests,
  };
}
