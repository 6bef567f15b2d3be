import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { Failure } from '../core/errors.ts';
import { bundleOfKey, keyHint, type Bundle } from '../formats/attestation/bundle.ts';
import { preAuthEncoding, statementPayloadType } from '../formats/attestation/dsse.ts';

/** Signs statements; how, and where the key is, is its own affair. */
export interface Signer {
  /** For messages: which signer, with which key. */
  readonly label: string;
  /** Name of the key in bundles; undefined for one that has a new key each time. */
  readonly hint: string | undefined;
  /** PEM of the public key, where there is a lasting one. */
  readonly publicKey: string | undefined;
  /** @param statement the exact bytes of an in-toto statement @param about for whoever is asked to confirm it */
  sign(statement: Buffer, about?: { readonly cell?: string }): Promise<Bundle>;
  close(): Promise<void>;
}

/** A signer with a lasting key: each signature is checked before anybody gets it. */
export function signerOfKey(
  label: string,
  publicKey: KeyObject,
  signBytes: (bytes: Buffer) => Promise<Buffer>,
): Signer {
  const hint = keyHint(publicKey);
  return {
    label,
    hint,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    async sign(statement) {
      const bytes = preAuthEncoding(statementPayloadType, statement);
      const signature = await signBytes(bytes);
      if (!verify('sha256', bytes, publicKey, signature))
        throw new Failure('SIGNER_FAILED', `${label} gave a signature that its public key does not verify`, {
          hint: 'the public key in the recipe must belong to the key that signs; signatures are ECDSA over SHA-256 in DER form',
        });
      return bundleOfKey(statement, signature, hint);
    },
    close: async () => {},
  };
}

/** @throws Failure KEY_INVALID for anything but an ECDSA key on P-256 */
export function readPublicKey(pem: string, path: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (error) {
    throw new Failure('KEY_INVALID', `${path} holds no public key`, {
      hint: 'a PEM file that begins with -----BEGIN PUBLIC KEY-----, as `nodeworthy keys create` and cosign write it',
      cause: error,
    });
  }
  throw new Failure('KEY_INVALID', `${path} is no ECDSA key on the curve P-256`, {
    hint: 'make one with `nodeworthy keys create`',
  });
}
