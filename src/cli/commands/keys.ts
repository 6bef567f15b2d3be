import { join, relative, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { Failure, translateFileError } from '../../core/errors.ts';
import { fileSize } from '../../core/files.ts';
import { writeKeyPair } from '../../evidence/signing.ts';
import { keyHint } from '../../formats/attestation/bundle.ts';
import { passphraseOf } from '../../signers/local-key/local-key-signer.ts';
import { readPublicKey } from '../../signers/signer.ts';
import { defineCommand } from '../command.ts';

interface KeysResult {
  readonly action: 'create' | 'show';
  readonly name: string;
  readonly hint: string;
  readonly files: readonly string[];
  readonly encrypted: boolean;
}

export const keys = defineCommand<KeysResult>({
  name: 'keys',
  summary: 'Create a signing key, or show the name of one: keys create NAME, keys show FILE',
  positional: 'create|show',
  rest: 'NAME',
  options: {
    output: { type: 'string', summary: 'Folder for the files; this one without it', value: 'FOLDER' },
    'no-passphrase': { type: 'boolean', summary: 'Write the private key as it is, for whoever can read the file' },
  },
  async run({ options, context, cwd }) {
    const action = options['_'];
    const [name, ...more] = (options['rest'] as readonly string[] | undefined) ?? [];
    if ((action !== 'create' && action !== 'show') || name === undefined || more.length > 0)
      throw new Failure('USAGE', 'keys: say what to do with which key', {
        hint: 'nodeworthy keys create release, or nodeworthy keys show keys/release.pub',
      });
    if (action === 'show') return await showKey(resolve(cwd, name));
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
    const passphrase = options['no-passphrase'] === true ? undefined : await passphraseOf(context.env);
    if (passphrase === undefined && options['no-passphrase'] !== true)
      throw new Failure('KEY_INVALID', 'there is no passphrase for the new key', {
        hint: 'set NODEWORTHY_PASSPHRASE or NODEWORTHY_PASSPHRASE_FILE, or say --no-passphrase',
      });
    if (passphrase === '')
      throw new Failure('KEY_INVALID', 'the passphrase is empty', { hint: 'set another, or say --no-passphrase' });
    const { hint } = await writeKeyPair(path, passphrase);
    const files = [`${path}.key`, `${path}.pub`].map((file) => relative(cwd, file));
    return { action, name, hint, files, encrypted: passphrase !== undefined };
  },
  pretty: ({ action, hint, files, encrypted }) =>
    action === 'show'
      ? `${files[0]}: ${hint}`
      : [
          `key ${hint}`,
          `  ${files[0]}  ${encrypted ? 'private, locked with the passphrase' : 'private, not locked: keep it where nobody else reads'}`,
          `  ${files[1]}  public: give it to whoever verifies`,
          '',
          'use it in the recipe:',
          '  signing:',
          `    release: { key: ${files[0]} }`,
        ].join('\n'),
  json: ({ name, hint, files, encrypted }) => ({ name, hint, files, encrypted }),
});

async function showKey(path: string): Promise<KeysResult> {
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
