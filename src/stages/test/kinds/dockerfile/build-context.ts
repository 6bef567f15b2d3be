import { lstat, readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { join, posix, relative, resolve } from 'node:path';
import { compareText } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
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
  readonly target?: string;
}

export interface BuildContext {
  readonly folder: string;
  /** What a source means, with everything in its folders, in order of path. @throws Error with a reason */
  find(source: string): Promise<{ readonly root: ContextEntry; readonly inside: readonly ContextEntry[] }[]>;
  read(entry: ContextEntry): Promise<Buffer>;
  describe(entries: readonly ContextEntry[]): Promise<unknown>;
}

const maxFileBytes = 1 << 30;

/** What a source can be wrong with; whoever knows the instruction says where. */
export class ContextError extends Error {}

/** The folder beside a Dockerfile, without what `.dockerignore` leaves out. */
export async function openBuildContext(folder: string, dockerfile: string): Promise<BuildContext> {
  const own = await readFile(`${dockerfile}.dockerignore`, 'utf8').catch(() => undefined);
  const text = own ?? (await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => ''));
  const isIgnored: Ignores = readDockerignore(text);
  const digests = new Map<string, Promise<string>>();

  async function entryOf(path: string): Promise<ContextEntry | undefined> {
    const stats = await lstat(join(folder, path)).catch(() => undefined);
    if (!stats) return undefined;
    if (stats.isDirectory()) return { path, kind: 'directory', isExecutable: true };
    if (stats.isSymbolicLink())
      return { path, kind: 'symlink', isExecutable: false, target: await readlink(join(folder, path)) };
    if (!stats.isFile()) throw new ContextError(`${path} is neither a file nor a folder`);
    if (stats.size > maxFileBytes) throw new ContextError(`${path} is larger than ${maxFileBytes} bytes`);
    return { path, kind: 'file', isExecutable: (stats.mode & 0o100) !== 0 };
  }

  async function inside(path: string): Promise<ContextEntry[]> {
    const found: ContextEntry[] = [];
    for (const name of (await readdir(join(folder, path))).sort(compareText)) {
      const child = path === '.' ? name : posix.join(path, name);
      const entry = await entryOf(child);
      if (!entry) continue;
      const children = entry.kind === 'directory' ? await inside(child) : [];
      // A folder that is left out is there all the same when something in it was taken back.
      if (isIgnored(child) && children.length === 0) continue;
      found.push(entry, ...children);
    }
    return found;
  }

  const read = ({ path }: ContextEntry): Promise<Buffer> => readFile(join(folder, path));

  function digestOfFile(entry: ContextEntry): Promise<string> {
    const known = digests.get(entry.path) ?? read(entry).then((bytes) => digestOf(bytes));
    digests.set(entry.path, known);
    return known;
  }

  /** A link in a folder's place could lead to any file of this machine. */
  async function requireInside(path: string): Promise<void> {
    const place = await realpath(join(folder, path, '..')).catch(() => undefined);
    const root = await realpath(folder);
    if (place !== undefined && place !== root && !place.startsWith(`${root}/`) && path !== '.')
      throw new ContextError(`${path} leads out of the test's folder over a link`);
  }

  return {
    folder,
    read,
    async find(source) {
      const path = posix.normalize(source.replace(/^\/+/, '') || '.').replace(/\/$/, '');
      if (path.startsWith('..') || relative(folder, resolve(folder, path)).startsWith('..'))
        throw new ContextError(`${source} lies outside of the test's folder`);
      await requireInside(isPattern(path) ? path.slice(0, path.search(/[*?[]/)) || '.' : path);
      if (!isPattern(path)) {
        const root = path === '.' || !isIgnored(path) ? await entryOf(path) : undefined;
        if (!root) {
          const why = (await entryOf(path)) ? 'is left out by .dockerignore' : 'does not exist';
          throw new ContextError(`${source} ${why}`);
        }
        return [{ root, inside: root.kind === 'directory' ? await inside(path) : [] }];
      }
      const expression = pathExpression(path);
      const roots = (await inside('.')).filter((entry) => expression.test(entry.path));
      if (roots.length === 0) throw new ContextError(`${source} matches no file`);
      return await Promise.all(
        roots.map(async (root) => ({ root, inside: root.kind === 'directory' ? await inside(root.path) : [] })),
      );
    },
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
