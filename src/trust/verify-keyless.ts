import type { Bundle } from '../formats/attestation/bundle.ts';
import type { CertificateIdentity, TrustedSigner } from './trust-policy.ts';

/**
 * Who signed with a certificate: proven by the certificate authority, the certificate transparency log and the
 * signature transparency log of the trusted root, and by the identity in the certificate.
 */
export async function verifyKeyless(
  bundle: Bundle,
  signers: readonly TrustedSigner[],
): Promise<{ readonly signer: TrustedSigner } | { readonly problem: string } | undefined> {
  if (!bundle.verificationMaterial.certificate) return undefined;
  const candidates = signers.flatMap((signer) =>
    signer.identity.kind === 'certificate' ? [{ signer, identity: signer.identity }] : [],
  );
  if (candidates.length === 0) return { problem: 'it is signed with a certificate, and no certificate is trusted' };
  const [{ bundleFromJSON }, { toSignedEntity }] = await Promise.all([
    import('@sigstore/bundle'),
    import('@sigstore/verify'),
  ]);
  const problems: string[] = [];
  for (const { signer, identity } of candidates) {
    try {
      const verifier = await verifierOf(identity);
      verifier.verify(toSignedEntity(bundleFromJSON(bundle)), {
        subjectAlternativeName: identity.subject,
        extensions: { issuer: identity.issuer },
      });
      return { signer };
    } catch (error) {
      problems.push(`${signer.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { problem: `its certificate is not trusted: ${problems.join('; ')}` };
}

async function verifierOf({ trustedRoot }: CertificateIdentity) {
  const [{ TrustedRoot }, { Verifier, toTrustMaterial }] = await Promise.all([
    import('@sigstore/protobuf-specs'),
    import('@sigstore/verify'),
  ]);
  return new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(trustedRoot))));
}
