import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure, translateFileError } from '../core/errors.ts';
import { trustInKey } from '../evidence/trust-in-key.ts';
import type { TrustPolicy } from '../trust/trust-policy.ts';
import type { CommandContext, OptionSpec } from './command.ts';
import type { AskedEnvironment } from '../stages/gate/custom-gates.ts';

export const trustOptions = {
  key: { type: 'string', summary: 'The only public key that is believed, for everything', value: 'FILE' },
  trust: {
    type: 'string',
    summary: 'Who is believed, and policies, as `nodeworthy policies` writes it',
    value: 'FILE',
  },
  environment: { type: 'string', summary: 'Policy to hold the image to', value: 'NAME' },
} as const satisfies Record<string, OptionSpec>;

export interface ChosenTrust {
  readonly trust: TrustPolicy;
  readonly environment?: AskedEnvironment;
}

/** From --key, from --trust, or from the recipe that is here. @throws Failure USAGE when there is none of them */
export async function chooseTrust(input: CommandContext): Promise<ChosenTrust> {
  const { key, trust: file, environment } = input.options;
  if (typeof key !== 'string') {
    // Recipes and policies are a lot to load for whoever has nothing but a key.
    const { trustOfFile, trustOfRecipe } = await import('./trust-sources.ts');
    return typeof file === 'string' ? await trustOfFile(input, file) : await trustOfRecipe(input);
  }
  const path = resolve(input.cwd, key);
  if (typeof file === 'string' || typeof environment === 'string')
    throw new Failure('USAGE', '--key goes with neither --trust nor --environment', {
      hint: 'a key alone says nothing about policies; use --trust FILE',
    });
  return { trust: trustInKey(await readNamed(path, 'public key'), path) };
}

export async function readNamed(path: string, what: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    const translated = translateFileError(error, path);
    if (translated instanceof Failure) throw translated;
    throw new Failure('USAGE', `there is no ${what} ${path}`, { hint: 'check the path', cause: error });
  });
}
