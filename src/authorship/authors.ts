import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { compareText } from '../core/canonical-json.ts';
import type { Context } from '../core/context.ts';
import { pathIn, pathspec, uncommittedFiles } from './committed-files.ts';
import { GitError, openGit, type Git } from './git.ts';

/** Commits by the path of their repository, relative to the recipe's folder. */
export type Revisions = Readonly<Record<string, string>>;

export interface Authors {
  /** Mail addresses in lower case, sorted: whoever wrote or committed any of the files, or is named with a commit. */
  readonly people: readonly string[];
  /** Why there may be more of them than is known; empty when it is known. */
  readonly doubts: readonly string[];
}

/** Who wrote the files that a recipe is made of, as far as their repositories tell. */
export interface SourceHistory {
  /** The commits that the files are of now. */
  revisions(): Promise<Revisions>;
  /** @param since commits that were looked at before; without one of a repository, its whole history counts */
  authorsSince(since: Revisions | undefined): Promise<Authors>;
}

interface Repository {
  readonly name: string;
  readonly git: Git;
  readonly top: string;
  readonly head: string;
  readonly isShallow: boolean;
  /** Relative to `top`. */
  readonly paths: readonly string[];
}

interface Found {
  readonly repositories: readonly Repository[];
  readonly doubts: readonly string[];
}

/**
 * @param files absolute paths of files and folders
 * @param folder of the recipe
 */
export function openHistory(
  files: readonly string[],
  folder: string,
  { env, signal }: Pick<Context, 'env' | 'signal'>,
): SourceHistory {
  let opened: Promise<Found> | undefined;
  const find = (): Promise<Found> => (opened ??= findRepositories(files, folder, { env, signal }));
  const known = new Map<string, Promise<Authors>>();
  return {
    async revisions() {
      const { repositories } = await find();
      return Object.fromEntries(repositories.map(({ name, head }) => [name, head]));
    },
    async authorsSince(since = {}) {
      const key = JSON.stringify(since);
      const found = known.get(key) ?? find().then(async (all) => await readAuthors(all, since));
      known.set(key, found);
      return await found;
    },
  };
}

async function findRepositories(
  files: readonly string[],
  folder: string,
  { env, signal }: Pick<Context, 'env' | 'signal'>,
): Promise<Found> {
  const byTop = new Map<string, Set<string>>();
  const doubts = new Set<string>();
  const tops = new Map<string, Promise<string>>();
  const topOf = (place: string): Promise<string> => {
    const found = tops.get(place) ?? askForTop(place, env, signal);
    tops.set(place, found);
    return found;
  };
  for (const file of await withTargets(files)) {
    const place = (await isFolder(file)) ? file : dirname(file);
    try {
      const top = await topOf(place);
      const inside = pathIn(top, file);
      if (inside === undefined) throw new GitError(`git says that it is in ${top}`);
      byTop.set(top, (byTop.get(top) ?? new Set()).add(inside));
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      doubts.add(`nobody can tell who wrote ${relative(folder, file) || '.'}: ${error.message}`);
    }
  }
  const repositories: Repository[] = [];
  for (const [top, paths] of byTop) {
    const git = openGit(top, env, signal);
    const name = relative(folder, top) || '.';
    try {
      const [head = '', isShallow] = (await git(['rev-parse', 'HEAD', '--is-shallow-repository'])).split('\n');
      repositories.push({ name, git, top, head, isShallow: isShallow === 'true', paths: [...paths].sort() });
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      doubts.add(`nothing in ${name} is committed`);
    }
  }
  return { repositories, doubts: [...doubts] };
}

/**
 * The work tree that a folder is in. Git itself would also take a folder that has the parts of a repository without a
 * `.git`, and such a folder can be committed: its history would be whatever its author likes.
 */
async function askForTop(place: string, env: Context['env'], signal: AbortSignal): Promise<string> {
  let top = await realpath(place);
  while ((await lstat(join(top, '.git')).catch(() => undefined)) === undefined) {
    if (top === dirname(top)) throw new GitError('it is not a git repository and in none');
    top = dirname(top);
  }
  const told = await openGit(top, env, signal)(['rev-parse', '--show-toplevel']);
  if ((await realpath(told.replace(/\n$/, ''))) !== top)
    throw new GitError(`the repository in ${top} is of another folder`);
  return top;
}

/** Files by their real path; a link counts itself as well, for whoever sets it chooses what is read. */
async function withTargets(files: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const file of files) {
    const place = await realpath(dirname(file)).catch(() => undefined);
    const real = await realpath(file).catch(() => undefined);
    if (place !== undefined) found.add(`${place}/${file.slice(dirname(file).length).replace(/^\//, '')}`);
    if (real !== undefined) found.add(real);
  }
  return [...found];
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function readAuthors({ repositories, doubts }: Found, since: Revisions): Promise<Authors> {
  const people = new Set<string>();
  const doubted = [...doubts];
  for (const repository of repositories) {
    const { name, git, top, paths, isShallow } = repository;
    try {
      const odd = await uncommittedFiles(git, top, paths);
      if (odd.length > 0) doubted.push(`${shown(odd)} ${odd.length === 1 ? 'is' : 'are'} not as it was committed`);
      const before = Object.hasOwn(since, name) ? since[name] : undefined;
      const isKnown = before !== undefined && (await isAncestor(git, before));
      if (before !== undefined && !isKnown)
        doubted.push(`the history of ${name} does not have ${before.slice(0, 12)}, which was certified before`);
      if (isShallow && !isKnown) doubted.push(`${name} is a shallow clone: fetch its whole history`);
      for (const person of await committers(git, paths, isKnown ? before : undefined)) people.add(person);
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      doubted.push(`git does not tell who wrote ${name}: ${error.message}`);
    }
  }
  return { people: [...people].sort(compareText), doubts: doubted };
}

function shown(paths: readonly string[]): string {
  const [first = '', second] = paths;
  return second === undefined ? first : `${first} and ${paths.length - 1} more`;
}

async function isAncestor(git: Git, commit: string): Promise<boolean> {
  if (!isCommitId(commit)) return false;
  return await git(['merge-base', '--is-ancestor', commit, 'HEAD']).then(
    () => true,
    () => false,
  );
}

/** How often a path is followed to where it came from. */
const maxSteps = 100;

/** Everybody whose commits made the files what they are: a file that was moved here brings its history along. */
async function committers(git: Git, paths: readonly string[], since: string | undefined): Promise<Set<string>> {
  const commits = new Set<string>();
  const followed = new Set<string>(paths);
  const range = since === undefined ? ['HEAD'] : [`${since}..HEAD`];
  let open = [...paths];
  for (let step = 0; open.length > 0; step++) {
    if (step > maxSteps) throw new GitError('files were moved too often to follow them');
    const touching = await commitsOf(git, range, open);
    for (const { commit } of touching) commits.add(commit);
    const all = touching.map(({ commit }) => commit);
    const added = touching.filter(({ adds }) => adds).map(({ commit }) => commit);
    const sources = [...(await copiedIn(git, added, followed)), ...(await movedOver(git, all, followed))];
    open = [...new Set(sources)].filter((path) => !isUnder(path, followed));
    for (const path of open) followed.add(path);
  }
  return await peopleOf(git, [...commits]);
}

interface Touching {
  readonly commit: string;
  /** Whether it puts a file there that was not. */
  readonly adds: boolean;
  /** How many of them it changed. */
  readonly files: number;
}

/**
 * Commits that changed something under the paths; of a merge counts only what is of none of its parents. Git lists
 * others as well, without a file: whoever merges what others wrote, wrote nothing.
 */
async function commitsOf(git: Git, range: readonly string[], paths: readonly string[]): Promise<Touching[]> {
  const log = ['log', '--full-history', '-c', '--no-renames', '--name-status', '-z', '--format=%H', ...range];
  const fields = (await git([...log, ...pathspec(paths)])).split('\0');
  const found: Touching[] = [];
  for (let at = 0; at < fields.length; at++) {
    const field = (fields[at] ?? '').replace(/^\n/, '');
    if (field === '') continue;
    // A path is never looked at by itself: whatever it is called, it stands behind its status.
    if (/^[A-Z]+\d*$/.test(field)) {
      const last = found.pop();
      if (last === undefined) throw new GitError('git tells of a file without its commit');
      found.push({ commit: last.commit, adds: last.adds || field.includes('A'), files: last.files + 1 });
      at++;
    } else if (isCommitId(field)) found.push({ commit: field, adds: false, files: 0 });
    else throw new GitError('git tells of commits in a way that is not known');
  }
  return found.filter(({ files }) => files > 0);
}

/** Whoever wrote or committed, or is named as an author. The texts are free; only a NUL is in none of them. */
async function peopleOf(git: Git, commits: readonly string[]): Promise<Set<string>> {
  const people = new Set<string>();
  if (commits.length === 0) return people;
  const format = '--format=%H%x00%ae%x00%ce%x00%(trailers:key=Co-authored-by,valueonly,separator=%x2C)%x00';
  const told = await git(['log', '--no-walk=unsorted', '--stdin', format], `${commits.join('\n')}\n`);
  const fields = told.split('\0');
  const seen = new Set<string>();
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [commit = '', author = '', committer = '', others = ''] = fields.slice(at, at + 4);
    seen.add(commit.trim());
    for (const address of [author, committer, ...addressesIn(others)]) people.add(address.toLowerCase());
  }
  if (!commits.every((commit) => seen.has(commit))) throw new GitError('git does not tell who wrote each commit');
  return people;
}

/** One file of a commit, as `git diff-tree -z` has it: `:MODE MODE ID ID STATUS`, its path, and a second one for R and C. */
interface Changed {
  readonly before: string;
  readonly after: string;
  readonly status: string;
  readonly path: string;
  readonly to: string;
}

async function changesOf(git: Git, commits: readonly string[], how: readonly string[]): Promise<Changed[]> {
  if (commits.length === 0) return [];
  const tree = ['diff-tree', '--stdin', '-r', '--root', '-m', '--no-commit-id', '-z', ...how];
  const fields = (await git(tree, `${commits.join('\n')}\n`)).split('\0');
  const changes: Changed[] = [];
  for (let at = 0; at + 1 < fields.length;) {
    const [, , before = '', after = '', status = ''] = (fields[at] ?? '').split(' ');
    const path = fields[at + 1] ?? '';
    const hasTwo = /^[RC]/.test(status);
    changes.push({ before, after, status, path, to: hasTwo ? (fields[at + 2] ?? '') : path });
    at += hasTwo ? 3 : 2;
  }
  return changes;
}

/** Where files that commits have put there came from: what git takes for a move or a copy, wherever that lay. */
async function copiedIn(git: Git, commits: readonly string[], followed: ReadonlySet<string>): Promise<string[]> {
  const changes = await changesOf(git, commits, ['-M', '-C', '--find-copies-harder']);
  return changes.flatMap(({ status, path, to }) => (/^[RC]/.test(status) && isUnder(to, followed) ? [path] : []));
}

/** Where files came from that commits have moved over others; git sees a change and a removal there. */
async function movedOver(git: Git, commits: readonly string[], followed: ReadonlySet<string>): Promise<string[]> {
  const changes = await changesOf(git, commits, []);
  const put = new Set(
    changes.flatMap(({ status, after, path }) => (status !== 'D' && isUnder(path, followed) ? [after] : [])),
  );
  return changes.flatMap(({ status, before, path }) => (status === 'D' && put.has(before) ? [path] : []));
}

function isUnder(path: string, followed: ReadonlySet<string>): boolean {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) if (followed.has(at)) return true;
  return followed.has('');
}

function isCommitId(text: string): boolean {
  return /^[0-9a-f]{40,64}$/.test(text);
}

function addressesIn(text: string): string[] {
  return [...text.matchAll(/<([^<>\s]+@[^<>\s]+)>/g)].map(([, address]) => String(address));
}
