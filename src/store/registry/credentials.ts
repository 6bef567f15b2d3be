import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import { readTextIfExists } from '../../core/files.ts';
import { parseJson } from '../../core/json.ts';

export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An identity token, exchanged for access tokens at the token server. */
  | { readonly kind: 'identity'; readonly token: string };

const AuthEntry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
});
const ConfigFile = z.looseObject({
  auths: z.record(z.string(), AuthEntry).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});
const HelperAnswer = z.looseObject({ Username: z.string(), Secret: z.string() });

/**
 * Looks credentials up where docker and podman keep them: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or `~/.docker`, and
 * `$XDG_RUNTIME_DIR/containers`. The most specific entry wins: the repository, its parents, then the host.
 * @returns undefined when there are none: then the registry is asked anonymously
 */
export async function findCredentials(
  registry: string,
  repository: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  for (const file of candidateFiles(env)) {
    const text = await readTextIfExists(file);
    if (text === undefined) continue;
    const config = parseConfig(text, file);
    for (const key of lookupKeys(registry, repository)) {
      const helper = config.credHelpers?.[key];
      if (helper) return await askHelper(helper, key, env);
      const entry =
        config.auths?.[key] ??
        config.auths?.[`https://${key}`] ??
        config.auths?.[`https://${key}/v1/`] ??
        config.auths?.[`https://${key}/v2/`];
      const found = entry && fromEntry(entry);
      if (found) return found;
    }
    if (config.credsStore) {
      const found = await askHelper(config.credsStore, registry, env);
      if (found) return found;
    }
  }
  return undefined;
}

function candidateFiles(env: Readonly<Record<string, string | undefined>>): string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    ...(env['REGISTRY_AUTH_FILE'] ? [env['REGISTRY_AUTH_FILE']] : []),
    join(env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? homedir(), '.docker'), 'config.json'),
    ...(runtime ? [join(runtime, 'containers', 'auth.json')] : []),
  ];
}

function lookupKeys(registry: string, repository: string): string[] {
  const parts = repository.split('/');
  const paths = parts.map((_, index) => `${registry}/${parts.slice(0, parts.length - index).join('/')}`);
  return [...paths, registry];
}

function fromEntry(entry: z.infer<typeof AuthEntry>): Credentials | undefined {
  if (entry.identitytoken) return { kind: 'identity', token: entry.identitytoken };
  if (entry.username && entry.password !== undefined) return toCredentials(entry.username, entry.password);
  if (!entry.auth) return undefined;
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8').replaceAll('\0', '');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : toCredentials(decoded.slice(0, colon), decoded.slice(colon + 1));
}

function toCredentials(username: string, password: string): Credentials {
  return username === '<token>' ? { kind: 'identity', token: password } : { kind: 'password', username, password };
}

/** Protocol of docker's credential helpers: the host on stdin, JSON on stdout; "not found" means anonymous. */
async function askHelper(
  helper: string,
  host: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper))
    throw new Failure('REGISTRY_UNAUTHORIZED', `${JSON.stringify(helper)} is no name of a credential helper`);
  const program = `docker-credential-${helper}`;
  const result = await exec(program, ['get'], { env: { ...env }, input: host, timeoutMs: 30_000 });
  if (result.exitCode !== 0) {
    if (/credentials not found|no credentials/i.test(`${result.stdout}${result.stderr}`)) return undefined;
    throw new Failure('REGISTRY_UNAUTHORIZED', `${program} failed for ${host}`, {
      hint: 'run it by hand, or log in again',
      details: { exitCode: result.exitCode },
    });
  }
  const answer = HelperAnswer.safeParse(safeJson(result.stdout));
  if (!answer.success)
    throw new Failure('REGISTRY_UNAUTHORIZED', `${program} answered something that is not credentials`, {
      hint: 'update the helper',
    });
  return toCredentials(answer.data.Username, answer.data.Secret);
}

function parseConfig(text: string, file: string): z.infer<typeof ConfigFile> {
  const parsed = ConfigFile.safeParse(safeJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure('REGISTRY_UNAUTHORIZED', `${file} is not a docker configuration`, {
    hint: 'repair it, or log in again',
  });
}

function safeJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
