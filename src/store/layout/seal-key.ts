import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failure, systemCode, translateFileError } from '../../core/errors.ts';

const keyBytes = 32;

/**
 * Where the key lies that seals notes beside a store: outside of every store, because who can write to a store must not
 * be able to seal (XDG Base Directory Specification: state that stays with the user).
 */
export function sealKeyPath(env: Readonly<Record<string, string | undefined>>): string {
  return env['NODEWORTHY_SEAL_KEY'] || join(stateOfUser(env), 'seal.key');
}

/** What stays with the user, like the numbers of notes that are open: also when the key is mounted from elsewhere. */
export function stateOfUser(env: Readonly<Record<string, string | undefined>>): string {
  const state = env['XDG_STATE_HOME'];
  const base = state?.startsWith('/') ? state : join(env['HOME'] || homeFolder(), '.local', 'state');
  return join(base, 'nodeworthy');
}

/** Of a user that the machine does not know, as containers have, there is none: nothing can be kept there. */
function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return '/nonexistent';
  }
}

/**
 * The key of this user on this machine: 32 random bytes, made when they are needed first. Where none can be kept, one
 * that ends with the process: nothing that an earlier process noted is believed then.
 * @throws Failure KEY_INVALID for a key that others may read or write, or that is none
 */
export async function openSealKey(path: string): Promise<Buffer> {
  try {
    return (await readKey(path)) ?? (await makeKey(path));
  } catch (error) {
    if (['EACCES', 'EROFS', 'ENOTDIR', 'EPERM', 'ENOENT'].includes(systemCode(error) ?? ''))
      return randomBytes(keyBytes);
    throw translateFileError(error, path);
  }
}

async function readKey(path: string): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (systemCode(error) === 'ELOOP') throw unfit(path, 'is a link');
    throw error;
  }
  try {
    const { mode, uid, size } = await file.stat();
    if (uid !== process.getuid?.() && uid !== 0) throw unfit(path, 'belongs to somebody else');
    if ((mode & 0o077) !== 0) throw unfit(path, 'can be read or written by others');
    if (size !== keyBytes) throw unfit(path, `has ${size} bytes, ${keyBytes} are a key`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** By a link, so that of two first runs both have the key of one. */
async function makeKey(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(randomBytes(keyBytes));
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return (await readKey(path)) ?? randomBytes(keyBytes);
}

function unfit(path: string, why: string): Failure {
  return new Failure('KEY_INVALID', `the seal key ${path} ${why}`, {
    hint: 'remove it: the next run makes another one, and makes again what was sealed with it',
  });
}
