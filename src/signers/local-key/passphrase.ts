import { readFileSync } from 'node:fs';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists } from '../../core/files.ts';

const maxBytes = 64 << 10;

/** A descriptor gives its bytes once, and more than one key may be locked with them. */
const ofDescriptors = new Map<string, string>();

/** Never from the command line: others can read that. @throws Failure KEY_INVALID for a file or descriptor that is none */
export async function passphraseOf(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const descriptor = env['NODEWORTHY_PASSPHRASE_FD'];
  if (descriptor !== undefined) return withoutBreak(readDescriptor(descriptor));
  const file = env['NODEWORTHY_PASSPHRASE_FILE'];
  if (file === undefined) return env['NODEWORTHY_PASSPHRASE'];
  const text = await readTextIfExists(file);
  if (text === undefined)
    throw new Failure('KEY_INVALID', `NODEWORTHY_PASSPHRASE_FILE names ${file}, which does not exist`);
  return withoutBreak(text);
}

function readDescriptor(name: string): string {
  const known = ofDescriptors.get(name);
  if (known !== undefined) return known;
  // 0 to 2 are the program's own; a passphrase on standard input would be in the way of what a command reads.
  if (!/^(?:[3-9]|[1-9]\d{1,3})$/.test(name))
    throw new Failure('KEY_INVALID', `NODEWORTHY_PASSPHRASE_FD is ${JSON.stringify(name)}, and no open descriptor`, {
      hint: 'a number from 3 on, like NODEWORTHY_PASSPHRASE_FD=3 nodeworthy run 3< passphrase.txt',
    });
  try {
    const text = readFileSync(Number(name), 'utf8').slice(0, maxBytes);
    ofDescriptors.set(name, text);
    return text;
  } catch (error) {
    throw new Failure('KEY_INVALID', `the descriptor ${name} of NODEWORTHY_PASSPHRASE_FD cannot be read`, {
      hint: 'open it for the command, like NODEWORTHY_PASSPHRASE_FD=3 nodeworthy run 3< passphrase.txt',
      cause: error,
    });
  }
}

function withoutBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
