import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import { readTextIfExists } from '../../core/files.ts';
import { parseJson } from '../../core/json.ts';

export interface NpmConfiguration {
  /** Address with a final slash. */
  readonly registry: string;
  readonly caFile?: string;
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  /** Header for the registry's own host, from `.npmrc`; undefined when none is configured. */
  readonly authorization?: string;
}

const Listing = z.looseObject({
  registry: z.string(),
  cafile: z.string().nullish(),
  proxy: z.union([z.string(), z.literal(false)]).nullish(),
  'https-proxy': z.union([z.string(), z.literal(false)]).nullish(),
  noproxy: z.union([z.string(), z.array(z.string())]).nullish(),
  userconfig: z.string().nullish(),
  globalconfig: z.string().nullish(),
});

/** Asks npm itself which registry this machine uses: the answer is the user's, no default of ours exists. */
export async function readNpmConfiguration(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  registryFromRecipe?: string,
): Promise<NpmConfiguration> {
  const result = await exec('npm', ['config', 'list', '--json'], {
    cwd: folder,
    env: { ...env },
    timeoutMs: 30_000,
  }).catch((error: unknown) => {
    if (registryFromRecipe) return undefined;
    throw new Failure('SOURCE_UNCONFIGURED', 'npm is not on this machine, so its registry is unknown', {
      hint: 'install npm, or name the registry in the recipe: node: { source: { npm: { registry: … } } }',
      cause: error,
    });
  });
  const listing = result?.exitCode === 0 ? Listing.safeParse(toJson(result.stdout)) : undefined;
  if (!listing?.success && !registryFromRecipe) {
    throw new Failure('SOURCE_UNCONFIGURED', 'npm does not tell its configuration', {
      hint: 'run `npm config list --json` and mend what it reports',
      details: { stderr: result?.stderr.slice(0, 500) },
    });
  }
  const found = listing?.success ? listing.data : undefined;
  const registry = `${(registryFromRecipe ?? found?.registry ?? '').replace(/\/+$/, '')}/`;
  const files = [found?.globalconfig, found?.userconfig, join(folder, '.npmrc')];
  return {
    registry,
    ...optional('caFile', found?.cafile ?? undefined),
    ...optional('httpProxy', found?.proxy || undefined),
    ...optional('httpsProxy', found?.['https-proxy'] || undefined),
    ...optional('noProxy', Array.isArray(found?.noproxy) ? found.noproxy.join(',') : (found?.noproxy ?? undefined)),
    ...optional('authorization', await readAuthorization(registry, { files, env })),
  };
}

/** npm keeps credentials under the registry's address without its scheme; the longest matching address wins. */
async function readAuthorization(
  registry: string,
  where: {
    readonly files: readonly (string | null | undefined)[];
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<string | undefined> {
  const settings = new Map<string, string>();
  for (const file of where.files) {
    if (!file) continue;
    for (const line of ((await readTextIfExists(file)) ?? '').split('\n')) {
      const match = /^\s*(\/\/[^\s=]+?)\s*=\s*"?([^"\n]*?)"?\s*$/.exec(line);
      if (match?.[1] && match[2] !== undefined) settings.set(match[1], expand(match[2], where.env));
    }
  }
  const { host, pathname } = new URL(registry);
  for (let path = pathname; ; path = path.replace(/[^/]+\/$/, '')) {
    const prefix = `//${host}${path}`;
    const token = settings.get(`${prefix}:_authToken`);
    if (token) return `Bearer ${token}`;
    const basic = settings.get(`${prefix}:_auth`);
    if (basic) return `Basic ${basic}`;
    const user = settings.get(`${prefix}:username`);
    const password = settings.get(`${prefix}:_password`);
    if (user && password)
      return `Basic ${Buffer.from(`${user}:${Buffer.from(password, 'base64').toString()}`).toString('base64')}`;
    if (path === '/') return undefined;
  }
}

function expand(value: string, env: Readonly<Record<string, string | undefined>>): string {
  return value.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => env[name] ?? '');
}

function toJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, V>>);
}
