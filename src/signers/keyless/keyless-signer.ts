import { BundleSchema } from '../../formats/attestation/bundle.ts';
import { statementPayloadType } from '../../formats/attestation/dsse.ts';
import { Failure } from '../../core/errors.ts';
import { withoutCredentials } from '../../core/http.ts';
import { readTextIfExists } from '../../core/files.ts';
import type { Signer } from '../signer.ts';
import type { SignerPorts } from '../open-signer.ts';

export interface KeylessConfig {
  readonly fulcio: string;
  readonly rekor: string;
}

/**
 * A new key for each signature, with a certificate of Fulcio for the identity of a token, noted in Rekor. The token
 * comes from NODEWORTHY_IDENTITY_TOKEN or from the file that NODEWORTHY_IDENTITY_TOKEN_FILE names.
 */
export async function openKeylessSigner({ fulcio, rekor }: KeylessConfig, ports: SignerPorts): Promise<Signer> {
  const { DSSEBundleBuilder, FulcioSigner, RekorWitness } = await import('@sigstore/sign');
  const { bundleToJSON } = await import('@sigstore/bundle');
  const label = `keyless signing with ${withoutCredentials(fulcio)}`;
  const builder = new DSSEBundleBuilder({
    signer: new FulcioSigner({ fulcioBaseURL: fulcio, identityProvider: { getToken: () => tokenOf(ports.env) } }),
    // The entry holds the signature itself: whoever has only the log can compare it.
    witnesses: [new RekorWitness({ rekorBaseURL: rekor, entryType: 'intoto' })],
  });
  return {
    label,
    hint: undefined,
    publicKey: undefined,
    async sign(statement) {
      try {
        const bundle = await builder.create({ data: statement, type: statementPayloadType });
        return BundleSchema.parse(bundleToJSON(bundle));
      } catch (error) {
        if (error instanceof Failure) throw error;
        throw new Failure(
          'SIGNER_FAILED',
          `${label} failed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
          { hint: 'is the identity token fresh, and do Fulcio and Rekor answer?', cause: error },
        );
      }
    },
    close: async () => {},
  };
}

async function tokenOf(env: SignerPorts['env']): Promise<string> {
  const file = env['NODEWORTHY_IDENTITY_TOKEN_FILE'];
  const token = file === undefined ? env['NODEWORTHY_IDENTITY_TOKEN'] : await readTextIfExists(file);
  if (token !== undefined && token.trim() !== '') return token.trim();
  throw new Failure('SIGNER_FAILED', 'there is no identity token for keyless signing', {
    hint: 'set NODEWORTHY_IDENTITY_TOKEN, or NODEWORTHY_IDENTITY_TOKEN_FILE',
  });
}
