import { relative } from 'node:path';
import { BeneathError, openFolder, type Folder } from '../../../core/beneath.ts';
import { Failure, isFailure } from '../../../core/errors.ts';

/** Larger than any definition of tests. */
const maxDefinitionBytes = 16 << 20;

/**
 * Reads a file of a test. Links are followed as far as they stay in the folder that was named; nothing that somebody
 * puts in the way leads to another file of this machine, or to one without an end.
 * @param root folder that was named, or that the named file lies in
 * @param path absolute
 * @returns undefined when nothing is there
 * @throws Failure RECIPE_INVALID for what leads out, is no file, or is larger than `maxBytes`
 */
export async function readTestFile(
  root: string,
  path: string,
  maxBytes = maxDefinitionBytes,
): Promise<Buffer | undefined> {
  return await inFolder(root, path, async (folder, place) =>
    (await folder.look(place)) ? await folder.read(place, maxBytes) : undefined,
  );
}

/** @throws Failure RECIPE_INVALID as {@link readTestFile}, and when nothing is there */
export async function requireTestText(root: string, path: string): Promise<string> {
  const bytes = await readTestFile(root, path);
  if (!bytes) throw refusal(path, 'does not exist');
  return bytes.toString('utf8');
}

/** For a first look, which says nothing of what is wrong: the text, or undefined for what is no file of the test. */
export async function peekTestText(root: string, path: string): Promise<string | undefined> {
  try {
    return (await readTestFile(root, path))?.toString('utf8');
  } catch (error) {
    if (isFailure(error, 'RECIPE_INVALID')) return undefined;
    throw error;
  }
}

/** @throws Failure RECIPE_INVALID for what leads out of the folder, or is neither a file nor a folder */
export async function requireInside(root: string, path: string): Promise<void> {
  await inFolder(root, path, async (folder, place) => await folder.look(place));
}

/** What lies at a path, links followed as far as they stay; undefined for nothing, and for what leads out. */
export async function lookAtTest(root: string, path: string): Promise<'file' | 'directory' | undefined> {
  try {
    const found = await inFolder(root, path, async (folder, place) => await folder.look(place));
    return found?.kind === 'symlink' ? undefined : found?.kind;
  } catch (error) {
    if (isFailure(error, 'RECIPE_INVALID')) return undefined;
    throw error;
  }
}

/** Runs `work` with the folder, and the path in it without links. */
async function inFolder<T>(
  root: string,
  path: string,
  work: (folder: Folder, place: string) => Promise<T>,
): Promise<T> {
  const inside = relative(root, path);
  const folder = await openFolder(root);
  try {
    // The file of a test may be a link to another one of it.
    return await work(folder, await folder.resolve(inside, 'follow'));
  } catch (error) {
    if (error instanceof BeneathError) throw refusal(path, `cannot be read: ${error.message}`, error);
    throw error;
  } finally {
    await folder.close();
  }
}

function refusal(path: string, why: string, cause?: unknown): Failure {
  return new Failure('RECIPE_INVALID', `${path} ${why}`, {
    hint: 'a test is made of files in its own folder; put a copy there',
    cause,
  });
}
