import { verify } from 'node:crypto';
import { digestOf, hexOf, type Digest } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { BundleSchema, type Bundle } from '../formats/attestation/bundle.ts';
import { preAuthEncoding, statementPayloadType } from '../formats/attestation/dsse.ts';
import { kindOfType, type PredicateKind } from '../formats/attestation/predicates.ts';
import { StatementSchema, type Statement } from '../formats/attestation/statement.ts';
import { isAhead, statedOn } from './stated-on.ts';
import { mayState, outOfUse, type TrustedSigner, type TrustPolicy } from './trust-policy.ts';
import { verifyKeyless } from './verify-keyless.ts';

/** A statement that is about the right subject, and that somebody signed who may say it. */
export interface BelievedStatement {
  readonly kind: PredicateKind;
  readonly subject: Digest;
  readonly predicate: Readonly<Record<string, unknown>>;
  readonly isFailure: boolean;
  /** Of the statement's bytes: what approvals and certificates refer to. */
  readonly payloadDigest: Digest;
  readonly bundleDigest: Digest;
  readonly signer: TrustedSigner;
}

/** A bundle that proves nothing, and why. */
export interface Disbelief {
  readonly kind: PredicateKind | undefined;
  readonly problem: string;
  readonly bundleDigest: Digest;
}

export type Judgement =
  | { readonly believed: true; readonly statement: BelievedStatement }
  | ({ readonly believed: false } & Disbelief);

export interface JudgeOptions {
  readonly subject: Digest;
  readonly trust: TrustPolicy;
  readonly now: Date;
}

/**
 * Whether a bundle proves what it says about a subject: one signature over exactly these bytes, by a key whose name is
 * the one that the envelope gives, that is in use, and that is trusted for this kind, this result and this builder.
 */
export async function judgeBundle(bytes: Buffer, { subject, trust, now }: JudgeOptions): Promise<Judgement> {
  const bundleDigest = digestOf(bytes);
  const refuse = (problem: string, kind?: PredicateKind): Judgement => ({
    believed: false,
    kind,
    problem,
    bundleDigest,
  });
  const bundle = parse(bytes, BundleSchema);
  if ('problem' in bundle) return refuse(`it is no Sigstore bundle: ${bundle.problem}`);
  const payload = Buffer.from(bundle.value.dsseEnvelope.payload, 'base64');
  const parsed = parse(payload, StatementSchema);
  if ('problem' in parsed) return refuse(`its payload is no in-toto statement: ${parsed.problem}`);
  const statement = parsed.value;
  const kind = kindOfType(statement.predicateType);
  if (kind === undefined) return refuse(`its predicate type ${statement.predicateType} is unknown`);
  if (!statement.subject.some(({ digest }) => digest['sha256'] === hexOf(subject)))
    return refuse(`it is about ${namesOf(statement)}, not about ${subject}`, kind);
  const found = await findSigner(bundle.value, payload, trust);
  if ('problem' in found) return refuse(found.problem, kind);
  const { signer } = found;
  const isFailure = saysFailure(kind, statement.predicate);
  const restricts = isRestriction(kind, statement.predicate);
  // What was said against an image with a key stays said when the key goes out of use; what frees needs a key of today.
  const stale = restricts || isFailure ? undefined : outOfUse(signer, now);
  if (stale !== undefined) return refuse(stale, kind);
  const on = statedOn(kind, statement.predicate);
  if (!restricts && !isFailure && on !== undefined && isAhead(on, now))
    return refuse(`it was stated on ${on}, which has not come yet: a clock was wrong`, kind);
  if (!mayState(signer, { kind, isFailure }))
    return refuse(`the key ${signer.name} is not trusted to state ${isFailure ? `a failure of ${kind}` : kind}`, kind);
  const builder = kind === 'provenance' ? builderOf(statement.predicate) : undefined;
  if (kind === 'provenance' && signer.builders && !signer.builders.includes(builder ?? ''))
    return refuse(`the key ${signer.name} is not trusted for the builder ${builder ?? 'without a name'}`, kind);
  return {
    believed: true,
    statement: {
      kind,
      subject,
      predicate: statement.predicate,
      isFailure,
      payloadDigest: digestOf(payload),
      bundleDigest,
      signer,
    },
  };
}

async function findSigner(
  bundle: Bundle,
  payload: Buffer,
  trust: TrustPolicy,
): Promise<{ readonly signer: TrustedSigner } | { readonly problem: string }> {
  const { verificationMaterial, dsseEnvelope } = bundle;
  const [signature] = dsseEnvelope.signatures;
  if (!signature) return { problem: 'it has no signature' };
  const hint = verificationMaterial.publicKey?.hint;
  if (hint === undefined) {
    const signer = await verifyKeyless(bundle, trust.signers);
    return signer ?? { problem: 'it has neither a key nor a certificate' };
  }
  if (verificationMaterial.certificate) return { problem: 'it names a key and a certificate' };
  if (signature.keyid !== undefined && signature.keyid !== '' && signature.keyid !== hint)
    return { problem: `its signature names the key ${signature.keyid}, and its bundle the key ${hint}` };
  const named = trust.signers.find(({ identity }) => identity.kind === 'key' && identity.hint === hint);
  if (named?.identity.kind !== 'key') return { problem: `it is signed by the key ${hint}, which nobody trusts` };
  const signed = preAuthEncoding(statementPayloadType, payload);
  const isGenuine = verify('sha256', signed, named.identity.key, Buffer.from(signature.sig, 'base64'));
  return isGenuine ? { signer: named } : { problem: `its signature is not that of the key ${named.name}` };
}

/** Whether it stops an image, whatever else is said of it. */
export function isRestriction(kind: PredicateKind, predicate: Statement['predicate']): boolean {
  if (kind === 'revocation') return predicate['action'] !== 'released';
  return kind === 'approval' && predicate['decision'] === 'rejected';
}

/** A test report or a verification that did not pass is a statement against the image. */
function saysFailure(kind: PredicateKind, predicate: Statement['predicate']): boolean {
  if (kind === 'tests') return predicate['result'] !== 'PASSED';
  if (kind === 'certificate') return predicate['verificationResult'] !== 'PASSED';
  if (kind === 'reproduction') return predicate['result'] !== 'PASSED';
  return false;
}

function builderOf(predicate: Statement['predicate']): string | undefined {
  const details = predicate['runDetails'] as { readonly builder?: { readonly id?: unknown } } | undefined;
  return typeof details?.builder?.id === 'string' ? details.builder.id : undefined;
}

function namesOf({ subject }: Statement): string {
  return subject.map(({ digest }) => Object.entries(digest).map(([name, value]) => `${name}:${value}`)).join(', ');
}

function parse<T>(
  bytes: Buffer,
  schema: {
    safeParse(
      value: unknown,
    ):
      | { success: true; data: T }
      | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } };
  },
): { readonly value: T } | { readonly problem: string } {
  let value: unknown;
  try {
    value = parseJson(bytes.toString('utf8'));
  } catch {
    return { problem: 'not JSON' };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  return { problem: `${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'not as it should be'}` };
}
