import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure, translateFileError } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import { readPublicKey, signerOfKey, type Signer } from '../signer.ts';
import type { SignerPorts } from '../open-signer.ts';

export interface CommandSignerConfig {
  readonly command: readonly string[];
  readonly publicKey: string;
}

/**
 * A program that has the key: a token, a hardware module, a cloud's command line. It gets the bytes to sign on its
 * standard input, and prints the signature (ECDSA over SHA-256, DER) in base64.
 */
export async function openCommandSigner(config: CommandSignerConfig, ports: SignerPorts): Promise<Signer> {
  const path = resolve(ports.folder, config.publicKey);
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw translateFileError(error, path);
  });
  const [program = '', ...args] = config.command;
  return signerOfKey(`the command ${program}`, readPublicKey(pem, path), async (bytes) => {
    const ran = await exec(program, args, {
      cwd: ports.folder,
      env: { ...ports.env },
      input: bytes,
      signal: ports.signal,
      timeoutMs: 60_000,
    }).catch((error: unknown) => {
      ports.signal.throwIfAborted();
      throw new Failure('SIGNER_FAILED', `the signing command ${program} cannot be started`, {
        hint: 'signing.command in the recipe names the program and its arguments; relative paths start at the recipe',
        cause: error,
      });
    });
    const text = ran.stdout.trim();
    if (ran.exitCode === 0 && /^[A-Za-z0-9+/\s]+={0,2}$/.test(text)) return Buffer.from(text, 'base64');
    throw new Failure(
      'SIGNER_FAILED',
      ran.exitCode === 0
        ? `the signing command ${program} printed no base64`
        : `the signing command ${program} ended with ${ran.exitCode}: ${ran.stderr.trim().split('\n').at(-1) ?? ''}`,
      { hint: 'it gets the bytes on standard input and prints the signature in base64, and nothing else' },
    );
  });
}
