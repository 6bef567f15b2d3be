import { join, posix, relative, resolve } from 'node:path';
import { BeneathError, openFolder, type Folder, type Listed } from '../../../../core/beneath.ts';
import { compareText } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import { readTestFile } from '../test-files.ts';
import {
  isPattern,
  pathExpression,
  PatternError,
  readDockerignore,
  type Ignores,
} from '../../../../formats/dockerfile/path-patterns.ts';

/** A file, folder or symlink of the context; `path` is relative to it. */
export interface ContextEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly isExecutable: boolean;
  /** Of a file. */
  readonly sizeBytes?: number;
  readonly target?: string;
}

export interface FoundSource {
  readonly root: ContextEntry;
  readonly inside: readonly ContextEntry[];
}

export interface BuildContext {
  /** What a source means, with everything in its folders, in order of path. @throws ContextError with a reason */
  find(source: string): Promise<FoundSource[]>;
  /** The same for a source that is a path, whatever characters are in it. */
  findPlain(source: string): Promise<FoundSource>;
  read(entry: ContextEntry): Promise<Buffer>;
  describe(entries: readonly ContextEntry[]): Promise<unknown>;
}

const maxFileBytes = 1 << 30;
const maxEntries = 100_000;

/** What a source can be wrong with; whoever knows the instruction says where. */
export class ContextError extends Error {}

/** The folder beside a Dockerfile, without what `.dockerignore` leaves out. */
export async function openBuildContext(folder: string, dockerfile: string, root = folder): Promise<BuildContext> {
  const own = await readTestFile(root, `${dockerfile}.dockerignore`);
  const text = own ?? (await readTestFile(root, join(folder, '.dockerignore')));
  const isIgnored: Ignores = readDockerignore(text?.toString('utf8') ?? '');
  const digests = new Map<string, Promise<string>>();

  /** Each look at the folder begins at the folder itself, and follows no link that somebody put there since. */
  async function within<T>(work: (opened: Folder) => Promise<T>): Promise<T> {
    const opened = await openFolder(folder);
    try {
      return await work(opened);
    } catch (error) {
      throw error instanceof BeneathError ? new ContextError(error.message) : error;
    } finally {
      await opened.close();
    }
  }

  async function entryOf(opened: Folder, path: string): Promise<ContextEntry | undefined> {
    const found = await opened.look(path);
    return found && toEntry(path, found);
  }

  function toEntry(path: string, found: Omit<Listed, 'name'>): ContextEntry {
    if (found.kind === 'other') throw new ContextError(`${path} is neither a file nor a folder`);
    if (found.kind === 'directory') return { path, kind: 'directory', isExecutable: true };
    if (found.kind === 'symlink') return { path, kind: 'symlink', isExecutable: false, target: found.target ?? '' };
    if (found.sizeBytes > maxFileBytes) throw new ContextError(`${path} is larger than ${maxFileBytes} bytes`);
    return { path, kind: 'file', isExecutable: (found.mode & 0o100) !== 0, sizeBytes: found.sizeBytes };
  }

  async function inside(opened: Folder, path: string, seen = { entries: 0 }): Promise<ContextEntry[]> {
    const found: ContextEntry[] = [];
    const listed = await opened.list(path);
    for (const { name, ...about } of listed.sort((a, b) => compareText(a.name, b.name))) {
      const child = path === '.' ? name : posix.join(path, name);
      const isLeftOut = isIgnored(child);
      if (isLeftOut && (about.kind !== 'directory' || !isIgnored.takesBack)) continue;
      if (++seen.entries > maxEntries)
        throw new ContextError(`more than ${maxEntries} files are copied: leave some out with .dockerignore`);
      const entry = toEntry(child, about);
      const children = entry.kind === 'directory' ? await inside(opened, child, seen) : [];
      // A folder that is left out is there all the same when something in it was taken back.
      if (isLeftOut && children.length === 0) continue;
      found.push(entry, ...children);
    }
    return found;
  }

  const readNow = ({ path }: ContextEntry): Promise<Buffer> => within((opened) => opened.read(path, maxFileBytes));

  /** A result is about the files that were described: others are not taken in their place. */
  async function read(entry: ContextEntry): Promise<Buffer> {
    const bytes = await readNow(entry);
    const described = await digests.get(entry.path);
    if (described !== undefined && described !== digestOf(bytes))
      throw new ContextError(`${entry.path} was changed while the test ran`);
    return bytes;
  }

  function digestOfFile(entry: ContextEntry): Promise<string> {
    const known = digests.get(entry.path) ?? readNow(entry).then((bytes) => digestOf(bytes));
    digests.set(entry.path, known);
    return known;
  }

  function normalised(source: string): string {
    const path = posix.normalize(source.replace(/^\/+/, '') || '.').replace(/\/$/, '');
    if (path.startsWith('..') || relative(folder, resolve(folder, path)).startsWith('..'))
      throw new ContextError(`${source} lies outside of the test's folder`);
    return path;
  }

  async function findPlain(opened: Folder, source: string): Promise<FoundSource> {
    const path = await opened.resolve(normalised(source));
    const root = await entryOf(opened, path);
    if (!root) throw new ContextError(`${source} does not exist`);
    const isLeftOut = path !== '.' && isIgnored(path);
    // A folder that is left out is there all the same when something in it was taken back.
    const looks = root.kind === 'directory' && (!isLeftOut || isIgnored.takesBack);
    const found = looks ? await inside(opened, path) : [];
    if (isLeftOut && found.length === 0) throw new ContextError(`${source} is left out by .dockerignore`);
    return { root, inside: found };
  }

  return {
    read,
    findPlain: (source) => within((opened) => findPlain(opened, source)),
    find: (source) =>
      within(async (opened) => {
        const path = normalised(source);
        if (!isPattern(path)) return [await findPlain(opened, source)];
        const expression = pathExpression(path);
        const roots = (await inside(opened, '.')).filter((entry) => expression.test(entry.path));
        if (roots.length === 0) throw new ContextError(`${source} matches no file`);
        const found: FoundSource[] = [];
        for (const root of roots)
          found.push({ root, inside: root.kind === 'directory' ? await inside(opened, root.path) : [] });
        return found;
      }),
    async describe(entries) {
      const described: unknown[] = [];
      for (const entry of entries) {
        const content = entry.kind === 'file' ? await digestOfFile(entry) : (entry.target ?? '');
        described.push([entry.path, entry.kind, entry.isExecutable, content]);
      }
      return described;
    },
  };
}

/** What stands for a source whose word is not expanded yet: any file, when it is not plain. */
export function plainSource(word: string): string {
  return /[$"'\\`]/.test(word) ? '.' : word;
}

export function outsideOf(shown: string, line: number, error: unknown): unknown {
  if (!(error instanceof ContextError) && !(error instanceof PatternError)) return error;
  return new Failure('RECIPE_INVALID', `${shown}:${line}: ${error.message}`, {
    hint: 'paths are relative to the folder of the Dockerfile',
    cause: error,
  });
}
