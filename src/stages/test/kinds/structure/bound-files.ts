import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { openFolder, BeneathError, type Beneath } from '../../../../core/beneath.ts';
import { canonicalJson, compareText } from '../../../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';

const maxFiles = 10_000;
const maxFileBytes = 64 << 20;
const maxBytes = 1 << 30;

/** A file or folder that a structure test binds into its container. */
export interface BoundFiles {
  /** As the options name it, made absolute. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly digest: Digest;
}

/** What the options of a test take from this machine. */
export interface FromMachine {
  readonly place: Place;
  /** Text of the envFile; empty when there is none. */
  readonly file: string;
  readonly binds: readonly BoundFiles[];
}

/** Somewhere that tests may take files from, and where a message says that it is. */
export interface Place {
  readonly root: string;
  readonly shown: string;
}

/** Reads `SOURCE[:TARGET[:ro]]`. @throws Failure RECIPE_INVALID for what lies elsewhere, or is too much */
export async function lookAtBound(spec: string, place: Place): Promise<BoundFiles> {
  const [named = '', target = named, mode] = spec.split(':');
  const source = resolve(named);
  return { source, target, readOnly: mode === 'ro', digest: await walk(source, place, async () => {}) };
}

/**
 * Copies what was looked at: a container gets these bytes and no way to others of this machine, whatever it writes.
 * @throws Failure RECIPE_INVALID when they are others by now
 */
export async function copyBound({ source, digest }: BoundFiles, place: Place, to: string): Promise<void> {
  const copied = await walk(source, place, async (path, found, bytes) => {
    const at = path === '' ? to : join(to, path);
    await mkdir(dirname(at), { recursive: true });
    if (found.kind === 'directory') await mkdir(at, { recursive: true });
    else if (found.kind === 'symlink') await symlink(found.target ?? '', at);
    else await writeFile(at, bytes, { flag: 'wx' });
    if (found.kind !== 'symlink') await chmod(at, found.mode & 0o777);
  });
  if (copied === digest) return;
  throw invalid(place, `${source} changed while it was tested`, 'run the test again');
}

/** Reads a file that a test names. @throws Failure RECIPE_INVALID for one that lies elsewhere, or is not there */
export async function readNamedFile(path: string, what: string, place: Place): Promise<string> {
  const folder = await openFolder(place.root);
  try {
    const text = await folder.read(await folder.resolve(pathIn(resolve(path), place)), maxFileBytes);
    return text.toString('utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    const why = error instanceof BeneathError ? `: ${error.message}` : ' cannot be read';
    throw invalid(place, `the ${what} ${path}${why}`, 'its path is relative to the working folder', error);
  } finally {
    await folder.close();
  }
}

type Use = (path: string, found: Beneath, bytes: Buffer) => Promise<void>;

async function walk(source: string, place: Place, use: Use): Promise<Digest> {
  const seen: unknown[] = [];
  let size = 0;
  const folder = await openFolder(place.root);
  async function visit(at: string, path: string): Promise<void> {
    const found = await folder.look(at);
    if (!found) throw invalid(place, `there is nothing at ${source} in bindMounts`, 'check the path');
    // The place of the bind itself: a link there would be followed by whoever mounts it.
    if (path === '' && found.kind !== 'file' && found.kind !== 'directory')
      throw invalid(place, `${source} in bindMounts is neither a file nor a folder`, 'mount files and folders');
    if (seen.length >= maxFiles)
      throw invalid(
        place,
        `${source} in bindMounts has more than ${maxFiles} files`,
        'mount what the test needs: a result is about exactly these files',
      );
    const bytes = found.kind === 'file' ? await folder.read(at, maxFileBytes) : Buffer.alloc(0);
    size += bytes.length;
    if (size > maxBytes)
      throw invalid(place, `${source} in bindMounts has more than ${maxBytes} bytes`, 'mount what the test needs');
    seen.push([path, found.kind, found.mode & 0o777, found.target ?? digestOf(bytes)]);
    await use(path, found, bytes);
    if (found.kind !== 'directory') return;
    const listed = await folder.list(at);
    for (const { name } of listed.sort((a, b) => compareText(a.name, b.name)))
      await visit(`${at}/${name}`, path === '' ? name : `${path}/${name}`);
  }
  try {
    await visit(await folder.resolve(pathIn(source, place), 'follow'), '');
    return digestOf(canonicalJson(seen));
  } catch (error) {
    if (!(error instanceof BeneathError)) throw error;
    throw invalid(
      place,
      `${source} in bindMounts: ${error.message}`,
      'mount files and folders without links out',
      error,
    );
  } finally {
    await folder.close();
  }
}

function pathIn(path: string, place: Place): string {
  const inside = relative(place.root, path);
  if (inside !== '..' && !inside.startsWith('../')) return inside === '' ? '.' : inside;
  throw invalid(
    place,
    `${path} lies outside of ${place.root}`,
    'a test gets files from its own folder: copy what it needs there',
  );
}

function invalid({ shown }: Place, message: string, hint: string, cause?: unknown): Failure {
  return new Failure('RECIPE_INVALID', `${shown}: ${message}`, { hint, cause });
}
