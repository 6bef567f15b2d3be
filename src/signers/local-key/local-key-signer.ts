import { sign } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { signerOfKey, type Signer } from '../signer.ts';
import type { SignerPorts } from '../open-signer.ts';
import { readPrivateKeyFile } from './key-file.ts';
import { readPrivateKey } from './key-pair.ts';
import { passphraseOf } from './passphrase.ts';

/** A key in a PEM file on this machine. */
export async function openLocalKeySigner(config: { readonly key: string }, ports: SignerPorts): Promise<Signer> {
  const path = resolve(ports.folder, config.key);
  const pem = await readPrivateKeyFile(path);
  if (pem === undefined)
    throw new Failure('KEY_INVALID', `there is no key ${path}`, {
      hint: 'make one with `nodeworthy keys create`, or correct signing in the recipe',
    });
  return await signerOfPem({ pem, path }, ports.env);
}

/** A private key that somebody has in hand. */
export async function signerOfPem(
  { pem, path }: { readonly pem: string; readonly path: string },
  env: SignerPorts['env'],
): Promise<Signer> {
  const { key, publicKey } = readPrivateKey(pem, path, await passphraseOf(env));
  return signerOfKey(`the key ${basename(path)}`, publicKey, async (bytes) => sign('sha256', bytes, key));
}
