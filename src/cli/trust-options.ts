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
  environment: {
    type: 'string',
    summary: 'What the image is to be certified for; without it, the first of the recipe or trust file',
    value: 'NAME',
  },
} as const satisfies Record<string, OptionSpec>;

export interface ChosenTrust {
  readonly trust: TrustPolicy;
  readonly environment: AskedEnvironment;
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
  if (typeof file === 'string')
    throw new Failure('USAGE', '--key does not go with --trust', { hint: 'a trust file names its own keys' });
  if (typeof environment !== 'string') throw environmentMissing();
  return { trust: trustInKey(await readNamed(path, 'public key'), path), environment: { name: environment } };
}

/** What was certified under the rules of one environment is not certified for another. */
export function environmentMissing(): Failure {
  return new Failure('USAGE', 'nobody says what the image is to be certified for', {
    hint: 'name it with --environment NAME; it is `default` for recipes without environments',
  });
}

export async function readNamed(path: string, what: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    const translated = translateFileError(error, path);
    if (translated instanceof Failure) throw translated;
    throw new Failure('USAGE', `there is no ${what} ${path}`, { hint: 'check the path', cause: error });
  });
}
