import { join, relative, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { Failure, translateFileError } from '../../core/errors.ts';
import { fileSize } from '../../core/files.ts';
import { keyUses } from '../../evidence/key-use.ts';
import { rotateKey, trustOf, writeKeyPair } from '../../evidence/signing.ts';
import { keyHint } from '../../formats/attestation/bundle.ts';
import { passphraseOf } from '../../signers/local-key/passphrase.ts';
import { readPublicKey } from '../../signers/signer.ts';
import { outOfUse, type TrustedSigner } from '../../trust/trust-policy.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { renderTable } from '../views/text.ts';
import { openStore, openWorkspace } from '../workspace.ts';

interface KeyResult {
  readonly action: 'create' | 'show';
  readonly name: string;
  readonly hint: string;
  readonly files: readonly string[];
  readonly encrypted: boolean;
}

interface RotateResult {
  readonly action: 'rotate';
  readonly role: string;
  readonly name: string;
  readonly hint: string;
  readonly files: readonly string[];
  readonly until: string;
}

interface ListedKey {
  readonly name: string;
  /** Name of the key; null for an identity without one. */
  readonly hint: string | null;
  readonly states: readonly string[];
  readonly from: string | null;
  readonly until: string | null;
  readonly inUse: boolean;
  /** In this store. */
  readonly statements: number;
  readonly firstUse: string | null;
  readonly lastUse: string | null;
}

interface ListResult {
  readonly action: 'list';
  readonly keys: readonly ListedKey[];
}

type KeysResult = KeyResult | RotateResult | ListResult;

export const keys = defineCommand<KeysResult>({
  name: 'keys',
  summary:
    'Keys that sign: create NAME, show FILE, list those that are trusted with their age and use, rotate release or failures',
  positional: 'create|show|list|rotate',
  rest: 'NAME',
  options: {
    ...recipeOptions,
    output: { type: 'string', summary: 'With create: folder for the files; this one without it', value: 'FOLDER' },
    'no-passphrase': { type: 'boolean', summary: 'Write the private key as it is, for whoever can read the file' },
    'overlap-days': {
      type: 'string',
      summary: 'With rotate: how long the old key is believed beside the new one; 90 without it',
      value: 'N',
    },
  },
  async run(input) {
    const action = input.options['_'];
    const [name, ...more] = (input.options['rest'] as readonly string[] | undefined) ?? [];
    if (action === 'list' && name === undefined) return await listKeys(input);
    if (name !== undefined && more.length === 0) {
      if (action === 'show') return await showKey(resolve(input.cwd, name));
      if (action === 'create') return await createKey(input, name);
      if (action === 'rotate') return await rotate(input, name);
    }
    throw new Failure('USAGE', 'keys: say what to do with which key', {
      hint: 'nodeworthy keys create release, keys show keys/release.pub, keys list, or keys rotate release',
    });
  },
  pretty(result) {
    if (result.action === 'list') return listText(result.keys);
    if (result.action === 'rotate') return rotatedText(result);
    const { action, hint, files, encrypted } = result;
    return action === 'show'
      ? `${files[0]}: ${hint}`
      : [
          `key ${hint}`,
          `  ${files[0]}  ${encrypted ? 'private, locked with the passphrase' : 'private, not locked: keep it where nobody else reads'}`,
          `  ${files[1]}  public: give it to whoever verifies`,
          '',
          'use it in the recipe:',
          '  signing:',
          `    release: { key: ${files[0]} }`,
        ].join('\n');
  },
  json: (result) => (result.action === 'list' ? { keys: result.keys } : withoutAction(result)),
});

function withoutAction({ name, hint, files, ...more }: KeyResult | RotateResult): object {
  return 'until' in more
    ? { role: more.role, name, hint, files, until: more.until }
    : { name, hint, files, encrypted: more.encrypted };
}

async function createKey({ options, context, cwd }: CommandContext, name: string): Promise<KeyResult> {
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/i.test(name))
    throw new Failure('USAGE', `keys: ${JSON.stringify(name)} is no name for a key`, {
      hint: 'letters, digits and single . _ - between them; the folder goes into --output',
    });
  const path = join(resolve(cwd, String(options['output'] ?? '.')), name);
  for (const file of [`${path}.key`, `${path}.pub`])
    if ((await fileSize(file)) !== undefined)
      throw new Failure('FILE_UNUSABLE', `${file} exists already`, {
        hint: 'a key that has signed something must not be lost: choose another name, or move it away yourself',
      });
  const passphrase = await newPassphrase({ options, context, cwd });
  const { hint } = await writeKeyPair(path, passphrase);
  const files = [`${path}.key`, `${path}.pub`].map((file) => relative(cwd, file));
  return { action: 'create', name, hint, files, encrypted: passphrase !== undefined };
}

async function newPassphrase({ options, context }: CommandContext): Promise<string | undefined> {
  if (options['no-passphrase'] === true) return undefined;
  const passphrase = await passphraseOf(context.env);
  if (passphrase === undefined)
    throw new Failure('KEY_INVALID', 'there is no passphrase for the new key', {
      hint: 'set NODEWORTHY_PASSPHRASE, NODEWORTHY_PASSPHRASE_FILE or NODEWORTHY_PASSPHRASE_FD, or say --no-passphrase',
    });
  if (passphrase === '')
    throw new Failure('KEY_INVALID', 'the passphrase is empty', { hint: 'set another, or say --no-passphrase' });
  return passphrase;
}

async function showKey(path: string): Promise<KeyResult> {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    const translated = translateFileError(error, path);
    if (translated instanceof Failure) throw translated;
    throw new Failure('KEY_INVALID', `there is no key ${path}`, {
      hint: 'name a file with a public key',
      cause: error,
    });
  });
  const hint = keyHint(readPublicKey(pem, path));
  return { action: 'show', name: path, hint, files: [path], encrypted: false };
}

async function rotate(input: CommandContext, role: string): Promise<RotateResult> {
  if (role !== 'release' && role !== 'failures')
    throw new Failure('USAGE', `keys: ${JSON.stringify(role)} is no key of the recipe`, {
      hint: 'rotate release or failures; somebody who approves makes a key of his own, and the recipe trusts it',
    });
  const overlapDays = Number(input.options['overlap-days'] ?? 90);
  if (!Number.isInteger(overlapDays) || overlapDays < 0 || overlapDays > 3650)
    throw new Failure(
      'USAGE',
      `keys: --overlap-days ${JSON.stringify(input.options['overlap-days'])} is no number of days`,
      {
        hint: 'a whole number from 0, for a key that somebody has stolen, to 3650',
      },
    );
  const { loaded } = await openWorkspace(input);
  const passphrase = await newPassphrase(input);
  const now = input.context.verificationTime;
  return { action: 'rotate', role, ...(await rotateKey(loaded, { role, overlapDays, passphrase, now })) };
}

function rotatedText({ role, name, hint, files, until }: RotateResult): string {
  return [
    `${role} signs with ${hint} now, which trust calls ${name}`,
    `  ${files.join(', ')}`,
    `  the old key is believed until ${until}`,
    '',
    'next: commit the recipe and the public key, `nodeworthy run` signs anew what is published, and `nodeworthy policies`',
    'writes the trust file for whoever verifies; other trust is another policy, so people have to approve again',
  ].join('\n');
}

async function listKeys(input: CommandContext): Promise<ListResult> {
  const workspace = await openWorkspace(input);
  const { signers } = await trustOf(workspace.loaded);
  const uses = await keyUses(await openStore(workspace));
  const now = input.context.now;
  const describe = (signer: TrustedSigner): ListedKey => {
    const hint = signer.identity.kind === 'key' ? signer.identity.hint : null;
    const use = hint === null ? undefined : uses.get(hint);
    return {
      name: signer.name,
      hint,
      states: signer.states,
      from: signer.from ?? null,
      until: signer.until ?? null,
      inUse: outOfUse(signer, now) === undefined,
      statements: use?.statements ?? 0,
      firstUse: use?.first ?? null,
      lastUse: use?.last ?? null,
    };
  };
  return { action: 'list', keys: signers.map(describe) };
}

function listText(list: readonly ListedKey[]): string {
  const day = (time: string | null): string => time?.slice(0, 10) ?? '-';
  return renderTable(
    ['name', 'key', 'states', 'in use', 'first used', 'last used', 'statements'],
    list.map((key) => [
      key.name,
      key.hint?.slice(0, 12) ?? 'identity',
      key.states.join(' '),
      key.inUse ? (key.until === null ? 'yes' : `until ${key.until}`) : 'no',
      day(key.firstUse),
      day(key.lastUse),
      String(key.statements),
    ]),
  );
}
