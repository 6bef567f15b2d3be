import { Failure } from '../../core/errors.ts';

export interface VerifiedText {
  readonly text: string;
  /** Upper-case hex fingerprints of the primary keys whose signature is good. */
  readonly fingerprints: readonly string[];
}

/**
 * Checks a clear-signed text (RFC 9580, section 7) against a keyring and returns what was signed.
 * One good signature by one trusted key is enough: archives sign with their old and their new key side by side.
 * @param keyring armored or binary public keys
 * @param trusted when given, only primary keys with these upper-case fingerprints count
 * @throws Failure SIGNATURE when no signature holds; the message says which keys signed.
 */
export async function verifyCleartext(
  message: string,
  options: {
    readonly name: string;
    readonly keyring: readonly Uint8Array[];
    readonly trusted?: readonly string[];
    readonly now: Date;
  },
): Promise<VerifiedText> {
  const openpgp = await import('openpgp');
  const config = { rejectPublicKeyAlgorithms: new Set<never>(), minRSABits: 2048 };
  const keys = [];
  for (const bytes of options.keyring) {
    const text = Buffer.from(bytes).toString('latin1');
    const read = text.includes('-----BEGIN PGP PUBLIC KEY BLOCK')
      ? await openpgp.readKeys({ armoredKeys: text, config })
      : await openpgp.readKeys({ binaryKeys: Buffer.from(bytes), config });
    keys.push(...read);
  }
  const trusted = options.trusted?.map((fingerprint) => fingerprint.toUpperCase());
  const accepted = keys.filter((key) => !trusted || trusted.includes(key.getFingerprint().toUpperCase()));
  if (accepted.length === 0) {
    throw new Failure('SIGNATURE', `${options.name}: the keyring holds none of the trusted keys`, {
      hint: 'name a keyring file with the release keys in the recipe, or install debian-archive-keyring',
      details: { trusted: trusted ?? [], found: keys.map((key) => key.getFingerprint().toUpperCase()) },
    });
  }
  let clear;
  try {
    clear = await openpgp.readCleartextMessage({ cleartextMessage: message });
  } catch (error) {
    throw new Failure('SIGNATURE', `${options.name} is not a clear-signed text`, {
      hint: 'the server sent something else, or removed the signature; it was not used',
      cause: error,
    });
  }
  const result = await openpgp.verify({ message: clear, verificationKeys: accepted, date: options.now, config });
  const fingerprints: string[] = [];
  const refused: string[] = [];
  for (const signature of result.signatures) {
    const keyId = signature.keyID.toHex().toUpperCase();
    try {
      await signature.verified;
      const key = accepted.find((candidate) => candidate.getKeys(signature.keyID).length > 0);
      if (key) fingerprints.push(key.getFingerprint().toUpperCase());
    } catch (error) {
      refused.push(`${keyId}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (fingerprints.length === 0) {
    throw new Failure('SIGNATURE', `${options.name}: no signature by a trusted key holds`, {
      hint: 'the file was changed after it was signed, or signed by a key that is not trusted; nothing of it was used',
      details: { refused },
    });
  }
  return { text: String(result.data), fingerprints };
}
