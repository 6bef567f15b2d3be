import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { EnvironmentSchema, type EnvironmentConfig } from '../config/environment-schema.ts';
import { readYaml } from '../config/read-yaml.ts';
import { TrustSchema } from '../config/signing-schema.ts';
import { Failure, translateFileError } from '../core/errors.ts';
import { readTextIfExists } from '../core/files.ts';
import { readTrust, trustInKey, trustOf } from '../evidence/signing.ts';
import type { CustomGate } from '../gates/decide.ts';
import { chooseEnvironment } from '../pipeline-evidence.ts';
import { loadCustomGates } from '../stages/gate/custom-gates.ts';
import type { TrustPolicy } from '../trust/trust-policy.ts';
import type { CommandContext, OptionSpec } from './command.ts';
import { defaultRecipe, openWorkspace } from './workspace.ts';

export const trustOptions = {
  key: { type: 'string', summary: 'The only public key that is believed, for everything', value: 'FILE' },
  trust: {
    type: 'string',
    summary: 'Who is believed, and policies, as `nodeworthy policies` writes it',
    value: 'FILE',
  },
  environment: { type: 'string', summary: 'Policy to hold the image to', value: 'NAME' },
} as const satisfies Record<string, OptionSpec>;

/** A file for whoever verifies: who is believed, and what is asked. */
export const TrustFileSchema = z.strictObject({
  trust: TrustSchema.min(1),
  environments: z.record(z.string(), EnvironmentSchema).default({}),
});

export interface ChosenTrust {
  readonly trust: TrustPolicy;
  readonly environment?: {
    readonly name: string;
    readonly config: EnvironmentConfig;
    readonly custom: readonly CustomGate[];
  };
}

/** From --key, from --trust, or from the recipe that is here. @throws Failure USAGE when there is none of them */
export async function chooseTrust(input: CommandContext): Promise<ChosenTrust> {
  const { options, cwd } = input;
  const { key, trust: file, environment } = options;
  if (typeof key === 'string') {
    const path = resolve(cwd, key);
    const pem = await readNamed(path, 'public key');
    if (typeof file === 'string' || typeof environment === 'string')
      throw new Failure('USAGE', '--key goes with neither --trust nor --environment', {
        hint: 'a key alone says nothing about policies; use --trust FILE',
      });
    return { trust: trustInKey(pem, path) };
  }
  if (typeof file === 'string') {
    const path = resolve(cwd, file);
    const text = await readNamed(path, 'trust file');
    const { value } = readYaml(text, {
      file,
      schema: TrustFileSchema,
      what: 'trust file',
      guide: 'docs/guides/verify.md',
    });
    const folder = resolve(path, '..');
    const trust = await readTrust(value.trust, folder);
    return { trust, ...(await namedEnvironment(value.environments, environment, folder)) };
  }
  const recipe = resolve(cwd, String(options['recipe'] ?? defaultRecipe));
  if ((await readTextIfExists(recipe)) === undefined)
    throw new Failure('USAGE', 'nobody is believed: there is no recipe here', {
      hint: 'name a public key with --key FILE, a trust file with --trust FILE, or a recipe with --recipe FILE',
    });
  const { loaded } = await openWorkspace(input);
  const trust = await trustOf(loaded);
  const wanted = environment as string | undefined;
  if (wanted === undefined && Object.keys(loaded.recipe.environments).length === 0) return { trust };
  const chosen = chooseEnvironment(loaded, wanted);
  return { trust, environment: { ...chosen, custom: await loadCustomGates(chosen.config.custom, loaded.folder) } };
}

async function namedEnvironment(
  environments: Readonly<Record<string, EnvironmentConfig>>,
  wanted: unknown,
  folder: string,
): Promise<Pick<ChosenTrust, 'environment'>> {
  const names = Object.keys(environments);
  const name = typeof wanted === 'string' ? wanted : names[0];
  if (name === undefined) return {};
  const config = environments[name];
  if (!config)
    throw new Failure('USAGE', `the trust file has no environment ${JSON.stringify(name)}`, {
      hint: `environments: ${names.join(', ') || 'none'}`,
    });
  return { environment: { name, config, custom: await loadCustomGates(config.custom, folder) } };
}

async function readNamed(path: string, what: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    const translated = translateFileError(error, path);
    if (translated instanceof Failure) throw translated;
    throw new Failure('USAGE', `there is no ${what} ${path}`, { hint: 'check the path', cause: error });
  });
}
