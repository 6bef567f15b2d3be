import { resolve } from 'node:path';
import { z } from 'zod';
import { chooseEnvironment } from '../config/choose-environment.ts';
import { EnvironmentSchema, type EnvironmentConfig } from '../config/environment-schema.ts';
import { readYaml } from '../config/read-yaml.ts';
import { TrustSchema } from '../config/signing-schema.ts';
import { Failure } from '../core/errors.ts';
import { readTextIfExists } from '../core/files.ts';
import { readTrust, trustOf } from '../evidence/signing.ts';
import { loadCustomGates } from '../stages/gate/custom-gates.ts';
import type { CommandContext } from './command.ts';
import { environmentMissing, readNamed, type ChosenTrust } from './trust-options.ts';
import { defaultRecipe, openWorkspace } from './workspace.ts';

/** A file for whoever verifies: who is believed, and what is asked. */
const TrustFileSchema = z.strictObject({
  trust: TrustSchema.min(1),
  environments: z.record(z.string(), EnvironmentSchema).default({}),
});

export async function trustOfFile({ options, cwd }: CommandContext, file: string): Promise<ChosenTrust> {
  const path = resolve(cwd, file);
  const text = await readNamed(path, 'trust file');
  const guide = 'docs/guides/verify.md';
  const { value } = readYaml(text, { file, schema: TrustFileSchema, what: 'trust file', guide });
  const folder = resolve(path, '..');
  const trust = await readTrust(value.trust, folder);
  return { trust, ...(await namedEnvironment(value.environments, options['environment'], folder)) };
}

export async function trustOfRecipe(input: CommandContext): Promise<ChosenTrust> {
  const { options, cwd } = input;
  const recipe = resolve(cwd, String(options['recipe'] ?? defaultRecipe));
  if ((await readTextIfExists(recipe)) === undefined)
    throw new Failure('USAGE', 'nobody is believed: there is no recipe here', {
      hint: 'name a public key with --key FILE, a trust file with --trust FILE, or a recipe with --recipe FILE',
    });
  const { loaded } = await openWorkspace(input);
  const trust = await trustOf(loaded);
  const { name, config } = chooseEnvironment(loaded, options['environment'] as string | undefined);
  // A recipe without policies asks for nothing beyond what was certified.
  if (Object.keys(loaded.recipe.environments).length === 0) return { trust, environment: { name } };
  return {
    trust,
    environment: { name, policy: { config, custom: await loadCustomGates(config.custom, loaded.folder) } },
  };
}

async function namedEnvironment(
  environments: Readonly<Record<string, EnvironmentConfig>>,
  wanted: unknown,
  folder: string,
): Promise<Pick<ChosenTrust, 'environment'>> {
  const names = Object.keys(environments);
  const name = typeof wanted === 'string' ? wanted : names[0];
  if (name === undefined) throw environmentMissing();
  if (names.length === 0) return { environment: { name } };
  const config = Object.hasOwn(environments, name) ? environments[name] : undefined;
  if (!config)
    throw new Failure('USAGE', `the trust file has no environment ${JSON.stringify(name)}`, {
      hint: `environments: ${names.join(', ') || 'none'}`,
    });
  return { environment: { name, policy: { config, custom: await loadCustomGates(config.custom, folder) } } };
}
