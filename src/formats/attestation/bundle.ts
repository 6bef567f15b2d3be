import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { statementPayloadType } from './dsse.ts';

/** Media type of a bundle, and artifact type of the referrer that carries it (Sigstore bundle v0.3). */
export const bundleMediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

const Base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/, 'not base64');

/** A Sigstore bundle with a DSSE envelope. Strict at each level: two readings of one document are one too many. */
export const BundleSchema = z.strictObject({
  mediaType: z.literal(bundleMediaType),
  verificationMaterial: z.strictObject({
    publicKey: z.strictObject({ hint: z.string() }).optional(),
    certificate: z.strictObject({ rawBytes: Base64 }).optional(),
    tlogEntries: z.array(z.record(z.string(), z.unknown())).optional(),
    timestampVerificationData: z.record(z.string(), z.unknown()).optional(),
  }),
  dsseEnvelope: z.strictObject({
    payload: Base64,
    payloadType: z.literal(statementPayloadType),
    signatures: z
      .array(z.strictObject({ sig: Base64, keyid: z.string().optional() }))
      .length(1, 'exactly one signature is allowed'),
  }),
});

export type Bundle = z.infer<typeof BundleSchema>;

/** Name of a key: base64 of the SHA-256 of its SubjectPublicKeyInfo, as cosign writes it into `hint`. */
export function keyHint(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}

/** A bundle of a payload that a plain key signed. */
export function bundleOfKey(payload: Buffer, signature: Buffer, hint: string): Bundle {
  return {
    mediaType: bundleMediaType,
    verificationMaterial: { publicKey: { hint } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: statementPayloadType,
      // No `keyid`: cosign compares it with a name of its own making, and passes over signatures with another.
      signatures: [{ sig: signature.toString('base64') }],
    },
  };
}

export function bundleBytes(bundle: Bundle): Buffer {
  return Buffer.from(canonicalJson(bundle));
}
