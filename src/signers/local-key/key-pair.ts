import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Failure } from '../../core/errors.ts';

export interface KeyPair {
  /** PKCS #8 in PEM; encrypted (PBES2, AES-256-CBC) when there is a passphrase. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo in PEM. */
  readonly publicKey: string;
}

/** An ECDSA key on P-256, the one algorithm that every verifier of the field takes. */
export function createKeyPair(passphrase: string | undefined): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const locked = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem', ...locked }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** @throws Failure KEY_INVALID when it is no key, or the passphrase is missing or wrong */
export function readPrivateKey(
  pem: string,
  path: string,
  passphrase: string | undefined,
): { readonly key: KeyObject; readonly publicKey: KeyObject } {
  const isEncrypted = pem.includes('ENCRYPTED PRIVATE KEY');
  if (isEncrypted && passphrase === undefined)
    throw new Failure('KEY_INVALID', `${path} is encrypted, and there is no passphrase`, {
      hint: 'set NODEWORTHY_PASSPHRASE, or NODEWORTHY_PASSPHRASE_FILE to a file that holds it',
    });
  try {
    const key = createPrivateKey({ key: pem, ...(isEncrypted ? { passphrase } : {}) });
    if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
      return { key, publicKey: createPublicKey(key) };
  } catch (error) {
    throw new Failure(
      'KEY_INVALID',
      isEncrypted ? `${path} cannot be opened with the passphrase` : `${path} holds no private key`,
      {
        hint: isEncrypted
          ? 'check NODEWORTHY_PASSPHRASE'
          : 'a PEM file that begins with -----BEGIN PRIVATE KEY-----; make one with `nodeworthy keys create`',
        cause: error,
      },
    );
  }
  throw new Failure('KEY_INVALID', `${path} is no ECDSA key on the curve P-256`, {
    hint: 'make one with `nodeworthy keys create`',
  });
}
