import type { KeyObject } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import { statementGroups, type PredicateKind, type StatementGroup } from '../formats/attestation/predicates.ts';

/** Somebody who may state something. */
export interface TrustedSigner {
  readonly name: string;
  readonly identity: KeyIdentity | CertificateIdentity;
  readonly states: readonly (PredicateKind | StatementGroup)[];
  /** Builders whose provenance this key may sign; without it, any. */
  readonly builders?: readonly string[];
  /** ISO days, the first in and the last out of use. */
  readonly from?: string;
  readonly until?: string;
  /** Who holds the key, for approvals. */
  readonly person?: string;
  readonly roles: readonly string[];
}

export interface KeyIdentity {
  readonly kind: 'key';
  readonly key: KeyObject;
  /** See `keyHint`. */
  readonly hint: string;
}

/** A short-lived certificate of a Fulcio that the trusted root names. */
export interface CertificateIdentity {
  readonly kind: 'certificate';
  readonly issuer: string;
  /** Subject alternative name, exactly. */
  readonly subject: string;
  /** `trusted_root.json` of the Sigstore deployment. */
  readonly trustedRoot: string;
}

export interface TrustPolicy {
  readonly signers: readonly TrustedSigner[];
  /** Digest over everything in it: two verifiers can see that they mean the same. */
  readonly digest: Digest;
}

/** What somebody states: a kind, and whether it speaks for or against the image. */
export interface StatedKind {
  readonly kind: PredicateKind;
  readonly isFailure: boolean;
}

/** A bad result needs the right to state failures; nobody else's word takes an image down, or props it up. */
export function mayState({ states }: TrustedSigner, { kind, isFailure }: StatedKind): boolean {
  if (isFailure) return states.includes('failures');
  return states.some((stated) => stated === kind || groupOf(stated).includes(kind));
}

function groupOf(stated: PredicateKind | StatementGroup): readonly PredicateKind[] {
  return Object.hasOwn(statementGroups, stated) ? statementGroups[stated as StatementGroup] : [];
}

/** @returns why a signer is not to be believed on this day; undefined when it is */
export function outOfUse({ name, from, until }: TrustedSigner, now: Date): string | undefined {
  const today = now.toISOString().slice(0, 10);
  if (from !== undefined && today < from) return `the key ${name} is in use from ${from} on only`;
  if (until !== undefined && today >= until) return `the key ${name} is out of use since ${until}`;
  return undefined;
}
