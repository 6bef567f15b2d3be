import type { SignerConfig } from '../config/signing-schema.ts';
import { openCommandSigner } from './command/command-signer.ts';
import { openHttpSigner } from './http/http-signer.ts';
import { openKeylessSigner } from './keyless/keyless-signer.ts';
import { openLocalKeySigner, signerOfPem } from './local-key/local-key-signer.ts';
import type { Signer } from './signer.ts';

/** What a signer may use of the outside. */
export interface SignerPorts {
  /** Where relative paths start. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** The table of signers. */
export async function openSigner(config: SignerConfig, ports: SignerPorts): Promise<Signer> {
  if ('key' in config) return await openLocalKeySigner(config, ports);
  if ('command' in config) return await openCommandSigner(config, ports);
  if ('url' in config) return await openHttpSigner(config, ports);
  return await openKeylessSigner(config.keyless, ports);
}

/** A private key that somebody has in hand, like that of an approver. */
export async function openSignerOfPem(
  key: { readonly pem: string; readonly path: string },
  env: SignerPorts['env'],
): Promise<Signer> {
  return await signerOfPem(key, env);
}
