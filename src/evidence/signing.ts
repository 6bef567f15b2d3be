import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { LoadedRecipe } from '../config/load-recipe.ts';
import { nextName, rotateInRecipe } from '../config/rotate-key.ts';
import type { SigningConfig, TrustConfig } from '../config/signing-schema.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Context } from '../core/context.ts';
import { digestOf } from '../core/digest.ts';
import { Failure, translateFileError } from '../core/errors.ts';
import { fileSize, writeFileAtomic } from '../core/files.ts';
import { withProcessLock } from '../core/process-lock.ts';
import { keyHint } from '../formats/attestation/bundle.ts';
import { createKeyPair } from '../signers/local-key/key-pair.ts';
import { confirmedSigner } from '../signers/confirmed-signer.ts';
import { openSigner } from '../signers/open-signer.ts';
import { readPublicKey, type Signer } from '../signers/signer.ts';
import type { TrustedSigner, TrustPolicy } from '../trust/trust-policy.ts';

export interface Signing {
  readonly release: Signer;
  readonly failures: Signer;
  readonly builder: string;
  readonly author: string;
  close(): Promise<void>;
}

/** Keys of this workspace, for a recipe that names none: made once, never shared, good for this machine alone. */
const workspaceKeys = join('.nodeworthy', 'keys');

export const builderOfWorkspace = 'https://nodeworthy.io/builders/local';

async function configOf(loaded: LoadedRecipe): Promise<Omit<SigningConfig, 'author'>> {
  const { signing } = loaded.recipe;
  if (signing) return signing;
  await ensureWorkspaceKeys(loaded.folder);
  const keyAt = (name: string) => ({ key: join(workspaceKeys, `${name}.key`) });
  return { release: keyAt('release'), failures: keyAt('failures'), builder: builderOfWorkspace };
}

async function ensureWorkspaceKeys(folder: string): Promise<void> {
  const keys = join(folder, workspaceKeys);
  const isThere = async (name: string): Promise<boolean> => (await fileSize(join(keys, `${name}.pub`))) !== undefined;
  if ((await isThere('release')) && (await isThere('failures'))) return;
  await mkdir(keys, { recursive: true, mode: 0o700 });
  await withProcessLock(join(keys, '.lock'), async () => {
    for (const name of ['release', 'failures']) {
      if (await isThere(name)) continue;
      await writeKeyPair(join(keys, name), undefined);
    }
  });
}

/** `PATH.key`, for its owner alone, and `PATH.pub`; the public one comes last: where it is, the other is whole. */
export async function writeKeyPair(path: string, passphrase: string | undefined): Promise<{ readonly hint: string }> {
  const pair = createKeyPair(passphrase);
  await writeFileAtomic(`${path}.key`, pair.privateKey, 0o600);
  await writeFileAtomic(`${path}.pub`, pair.publicKey);
  return { hint: keyHint(readPublicKey(pair.publicKey, `${path}.pub`)) };
}

export async function openSigning(loaded: LoadedRecipe, context: Context): Promise<Signing> {
  const config = await configOf(loaded);
  const ports = { folder: loaded.folder, env: context.env, signal: context.signal };
  const { confirm } = config;
  const open = async (signer: SigningConfig['release']): Promise<Signer> => {
    const opened = await openSigner(signer, ports);
    return confirm ? confirmedSigner(opened, confirm, ports) : opened;
  };
  const release = await open(config.release);
  const failures = await open(config.failures);
  if (release.hint === failures.hint)
    throw new Failure(
      'KEY_INVALID',
      release.hint === undefined
        ? 'signing.release and signing.failures are both keyless'
        : 'signing.release and signing.failures are the same key',
      {
        hint: 'a failure that the release key signed would pass for a release: use another key for it; one identity without keys is the same for both',
      },
    );
  return {
    release,
    failures,
    builder: config.builder,
    author: await authorOf(loaded, context),
    async close() {
      await release.close();
      await failures.close();
    },
  };
}

/** Who asks for the images: as the recipe says, the author of its last commit, or whoever runs this. */
export async function authorOf(loaded: LoadedRecipe, { env }: Context): Promise<string> {
  const { signing } = loaded.recipe;
  if (signing?.author !== undefined) return signing.author;
  const named = env['NODEWORTHY_AUTHOR'];
  if (named !== undefined && named !== '') return named;
  const args = ['log', '-1', '--format=%ae', '--', basename(loaded.path)];
  const email = await new Promise<string>((done) => {
    execFile('git', args, { cwd: loaded.folder, timeout: 5000 }, (error, stdout) => done(error ? '' : stdout.trim()));
  });
  return email === '' ? (env['USER'] ?? env['LOGNAME'] ?? 'unknown') : email;
}

/** What is believed here: the list of the recipe, or the keys that sign here when there is none. */
export async function trustOf(loaded: LoadedRecipe): Promise<TrustPolicy> {
  const { trust, signing } = loaded.recipe;
  if (trust.length > 0) return await readTrust(trust, loaded.folder);
  const config = await configOf(loaded);
  const entry = (name: string, signer: SigningConfig['release'], states: string[]): TrustConfig[number] => {
    const publicKey = 'publicKey' in signer ? signer.publicKey : 'key' in signer ? publicKeyOf(signer.key) : undefined;
    if (publicKey === undefined)
      throw new Failure('RECIPE_INVALID', 'signing without keys needs a list under trust', {
        hint: 'say under trust which issuer and subject are believed, with the trusted root',
      });
    return { name, publicKey, states: states as TrustConfig[number]['states'], roles: [] };
  };
  const prefix = signing ? loaded.recipe.name : 'workspace';
  return await readTrust(
    [
      entry(`${prefix}-release`, config.release, ['evidence', 'certificates', 'revocations', 'vex']),
      entry(`${prefix}-failures`, config.failures, ['failures']),
    ],
    loaded.folder,
  );
}

function publicKeyOf(key: string): string {
  return `${key.replace(/\.(?:key|pem)$/, '')}.pub`;
}

/** Reads the keys of a trust policy. @throws Failure KEY_INVALID, or RECIPE_INVALID for two entries of one key */
export async function readTrust(config: TrustConfig, folder: string): Promise<TrustPolicy> {
  const signers: TrustedSigner[] = [];
  for (const { publicKey, identity, ...entry } of config) {
    const named = publicKey ?? identity?.trustedRoot ?? '';
    const isInline = named.startsWith('-----BEGIN') || named.startsWith('{');
    const path = isInline ? `the key of ${entry.name}` : resolve(folder, named);
    const read = isInline ? Promise.resolve(named) : readFile(path, 'utf8');
    const text = await read.catch((error: unknown) => {
      const translated = translateFileError(error, path);
      if (translated instanceof Failure) throw translated;
      throw new Failure('KEY_INVALID', `trust names ${path} for ${entry.name}, which cannot be read`, {
        hint: 'correct the path under trust; relative paths start at the recipe',
        cause: error,
      });
    });
    if (identity) {
      signers.push({ ...entry, identity: { kind: 'certificate', ...identity, trustedRoot: text } });
      continue;
    }
    const key = readPublicKey(text, path);
    const hint = keyHint(key);
    const twin = signers.find((other) => other.identity.kind === 'key' && other.identity.hint === hint);
    if (twin)
      throw new Failure('RECIPE_INVALID', `trust lists the same key twice, as ${twin.name} and as ${entry.name}`, {
        hint: 'one entry can have several states and roles',
      });
    signers.push({ ...entry, identity: { kind: 'key', key, hint } });
  }
  const identities = signers.map(({ identity, ...entry }) => ({
    ...entry,
    identity: identity.kind === 'key' ? identity.hint : { ...identity, trustedRoot: digestOf(identity.trustedRoot) },
  }));
  return { signers, digest: digestOf(canonicalJson(identities)) };
}

export interface RotatedKey {
  readonly hint: string;
  readonly files: readonly string[];
  /** Name of the new entry under trust. */
  readonly name: string;
  readonly until: string;
}

/**
 * Makes another key for one that signs here, and has the recipe sign with it; the old one is believed until a day, so
 * that whoever verifies has time. The recipe is written last: killed before, nothing has changed.
 * @throws Failure RECIPE_INVALID for keys of a workspace, of services, or that trust does not list
 */
export async function rotateKey(
  loaded: LoadedRecipe,
  {
    role,
    overlapDays,
    passphrase,
    now,
  }: {
    readonly role: 'release' | 'failures';
    readonly overlapDays: number;
    readonly passphrase: string | undefined;
    readonly now: Date;
  },
): Promise<RotatedKey> {
  const config = loaded.recipe.signing?.[role];
  if (!config || !('key' in config))
    throw new Failure('RECIPE_INVALID', `signing.${role} of the recipe names no key in a file`, {
      hint: config
        ? 'rotate it where it is kept, then name its public key in the recipe'
        : 'name keys under signing and trust first; those of a workspace are good for this machine alone',
    });
  const ending = /\.(?:key|pem)$/.exec(config.key)?.[0] ?? '.key';
  const stem = config.key.slice(0, config.key.length - ending.length);
  const taken = (name: string): boolean =>
    ['.key', '.pub'].some((kind) => existsSync(resolve(loaded.folder, `${name}${kind}`)));
  const next = nextName(stem, taken);
  const text = await readFile(loaded.path, 'utf8');
  const dayMs = 86_400_000;
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
  const rotated = rotateInRecipe(text, {
    role,
    oldPublicKey: publicKeyOf(config.key),
    newKey: `${next}.key`,
    newPublicKey: `${next}.pub`,
    from: day(now.getTime()),
    until: day(now.getTime() + overlapDays * dayMs),
  });
  const { hint } = await writeKeyPair(resolve(loaded.folder, next), passphrase);
  await writeFileAtomic(loaded.path, rotated.text);
  return { hint, files: [`${next}.key`, `${next}.pub`], name: rotated.name, until: rotated.until };
}
