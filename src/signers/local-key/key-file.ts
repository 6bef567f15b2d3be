import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Failure, systemCode, translateFileError } from '../../core/errors.ts';

const maxKeyBytes = 64 << 10;

/**
 * Reads a private key that its owner alone can read: whoever can read it can sign, or try passphrases for as long as he
 * likes. What was looked at is what is read.
 * @returns undefined when there is no such file
 * @throws Failure KEY_INVALID for one that is open to others, or is no file
 */
export async function readPrivateKeyFile(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw translateFileError(error, path);
  }
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > maxKeyBytes)
      throw new Failure('KEY_INVALID', `${path} is no file with a key`, {
        hint: 'name a PEM file; make one with `nodeworthy keys create`',
      });
    const open = found.mode & 0o077;
    if (open !== 0)
      throw new Failure('KEY_INVALID', `others can read or change ${path}: its mode is ${modeOf(found.mode)}`, {
        hint: `take that away with \`chmod 600 ${path}\`, and think of whether somebody has read it: \`nodeworthy keys rotate\` makes another`,
      });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function modeOf(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0');
}
