import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHistory, type Authors, type Revisions } from './authors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeworthy-authors-'));
  git('init', '--quiet');
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
}

/** A commit of everything, by somebody. @returns its name */
function commit(author: string, { committer = author, message = 'a change' } = {}): string {
  git('add', '--all');
  const mail = (name: string): string => `${name}@example.com`;
  const env = {
    ...process.env,
    GIT_AUTHOR_NAME: author,
    GIT_AUTHOR_EMAIL: mail(author),
    GIT_COMMITTER_NAME: committer,
    GIT_COMMITTER_EMAIL: mail(committer),
  };
  execFileSync('git', ['commit', '--quiet', '--allow-empty', '--message', message], { cwd: folder, env });
  return git('rev-parse', 'HEAD');
}

const write = async (name: string, text: string): Promise<void> => await writeFile(join(folder, name), text);

async function ask(files: readonly string[], since?: Revisions, env = process.env): Promise<Authors> {
  const paths = files.map((name) => join(folder, name));
  return await openHistory(paths, folder, { env, signal: new AbortController().signal }).authorsSince(since);
}

const names = ({ people }: Authors): string[] => people.map((mail) => mail.replace('@example.com', ''));

describe('authors', () => {
  it('are all who wrote a file, and none who wrote others', async () => {
    await write('recipe', 'a\n');
    commit('Alice');
    await write('recipe', 'a\nb\n');
    commit('bob', { committer: 'carol', message: 'a change\n\nCo-authored-by: Dave <dave@example.com>' });
    await write('other', 'x\n');
    commit('mallory');
    const found = await ask(['recipe']);
    expect(names(found)).toEqual(['alice', 'bob', 'carol', 'dave']);
    expect(found.doubts).toEqual([]);
  });

  it('are those since what was certified', async () => {
    await write('recipe', 'a\n');
    const first = commit('alice');
    await write('recipe', 'b\n');
    commit('bob');
    expect(names(await ask(['recipe'], { '.': first }))).toEqual(['bob']);
  });

  it('are those of a file before it had its name', async () => {
    await write('draft', 'something that alice wrote\nin several\nlines\n');
    commit('alice');
    await rename(join(folder, 'draft'), join(folder, 'recipe'));
    commit('bob');
    expect(names(await ask(['recipe']))).toEqual(['alice', 'bob']);
  });

  it('are those of a file that was moved over another', async () => {
    await write('recipe', 'something that carol wrote\nin several\nlines\n');
    commit('carol');
    const since = commit('carol');
    await write('draft', 'something that carol wrote\nin several\nlines\nand alice\n');
    commit('alice');
    await rename(join(folder, 'draft'), join(folder, 'recipe'));
    commit('bob');
    expect(names(await ask(['recipe'], { '.': since }))).toEqual(['alice', 'bob']);
  });

  it('are those of a file that was moved over another beside a new one', async () => {
    await write('recipe', 'what carol wrote\n');
    await write('draft', 'something that alice wrote\nin several\nlines\n');
    commit('alice');
    const since = commit('alice');
    await write('draft', 'something that mallory wrote\nin several\nlines\n');
    commit('mallory');
    await mkdir(join(folder, 'tests'));
    await write('tests/new', 'new\n');
    await rename(join(folder, 'draft'), join(folder, 'recipe'));
    commit('bob');
    expect(names(await ask(['recipe', 'tests'], { '.': since }))).toEqual(['bob', 'mallory']);
  });

  it('are those of a file that was moved twice, in commits that move others too', async () => {
    await mkdir(join(folder, 'tests'));
    await write('draft', 'something that mallory wrote\nin several\nlines\n');
    commit('mallory');
    await write('tests/other', 'x\n');
    await rename(join(folder, 'draft'), join(folder, 'later'));
    commit('bob');
    await rename(join(folder, 'later'), join(folder, 'tests/suite'));
    commit('carol');
    expect(names(await ask(['tests']))).toEqual(['bob', 'carol', 'mallory']);
  });

  it('are not hidden by what a message says, or how a file is called', async () => {
    await write('recipe', 'a\n');
    commit('alice');
    await mkdir(join(folder, 'tests'));
    const odd = `tests/\u0001${'0'.repeat(40)}`;
    await write(odd, 'x\n');
    commit('mallory', { message: 'tidy\n\nCo-authored-by: a\u0002\u0001 <eve@example.com>' });
    expect(names(await ask(['recipe', 'tests']))).toEqual(['alice', 'eve', 'mallory']);
  });

  it('are not those that a repository says which somebody committed', async () => {
    await write('recipe', 'a\n');
    commit('alice');
    const inner = join(folder, 'tests/foo');
    await mkdir(inner, { recursive: true });
    await write('tests/foo/suite.yaml', 'run: true\n');
    const own = (...args: string[]): void => void execFileSync('git', args, { cwd: inner, stdio: 'ignore' });
    own('init', '--quiet');
    own('add', 'suite.yaml');
    own('-c', 'user.name=i', '-c', 'user.email=innocent@example.com', 'commit', '--quiet', '--message', 'x');
    for (const name of ['HEAD', 'objects', 'refs', 'config'])
      await rename(join(inner, '.git', name), join(inner, name));
    await rm(join(inner, '.git'), { recursive: true });
    own('config', '--file', 'config', 'core.bare', 'false');
    own('config', '--file', 'config', 'core.worktree', '.');
    commit('mallory');
    const found = await ask(['recipe', 'tests/foo/suite.yaml']);
    expect(names(found)).toEqual(['alice', 'mallory']);
    expect(found.doubts).toEqual([]);
  });

  it('are not those who merge what others wrote', async () => {
    await write('recipe', 'a\n');
    commit('alice');
    git('checkout', '--quiet', '-b', 'side');
    await write('recipe', 'b\n');
    commit('carol');
    git('checkout', '--quiet', '-');
    await write('other', 'x\n');
    commit('dave');
    const who = ['-c', 'user.name=bob', '-c', 'user.email=bob@example.com'];
    git(...who, 'merge', '--quiet', '--no-ff', '--message', 'merged', 'side');
    expect(names(await ask(['recipe']))).toEqual(['alice', 'carol']);
  });

  it('are those of a file that was copied', async () => {
    await write('draft', 'something that alice wrote\nin several\nlines\n');
    commit('alice');
    await write('recipe', 'something that alice wrote\nin several\nlines\n');
    commit('bob');
    expect(names(await ask(['recipe']))).toEqual(['alice', 'bob']);
  });

  it('are those of side branches, and who writes while merging', async () => {
    await write('recipe', 'a\n');
    commit('alice');
    const main = git('branch', '--show-current');
    git('switch', '--quiet', '--create', 'side');
    await write('recipe', 'a\nside\n');
    commit('bob');
    git('switch', '--quiet', main);
    await write('recipe', 'a\nmain\n');
    commit('carol');
    // It ends in a conflict, which somebody has to write an answer to.
    spawnSync('git', ['merge', '--no-commit', 'side'], { cwd: folder });
    await write('recipe', 'a\nside\nmain\nmerged\n');
    commit('dave');
    expect(names(await ask(['recipe']))).toEqual(['alice', 'bob', 'carol', 'dave']);
  });
});

describe('there is doubt', () => {
  beforeEach(async () => {
    await mkdir(join(folder, 'tests'));
    await write('recipe', 'a\n');
    await write('tests/one', 'a\n');
    commit('alice');
  });

  it('when a file is not as it was committed, whatever the index says', async () => {
    await write('recipe', 'b\n');
    git('update-index', '--assume-unchanged', 'recipe');
    expect(git('status', '--porcelain')).toBe('');
    expect((await ask(['recipe'])).doubts).toEqual(['recipe is not as it was committed']);
  });

  it('when a folder has a file more, or one less, ignored or not', async () => {
    await write('.gitignore', 'two\n');
    commit('alice');
    await write('tests/two', '');
    await rm(join(folder, 'tests/one'));
    expect((await ask(['tests'])).doubts).toEqual(['tests/two and 1 more are not as it was committed']);
    expect((await ask([''])).doubts).toHaveLength(1);
  });

  it('when what it names lies elsewhere, or leads there', async () => {
    await symlink('/etc/hostname', join(folder, 'link'));
    commit('alice');
    const { doubts } = await ask(['link', '../nowhere']);
    expect(doubts).toEqual(expect.arrayContaining([expect.stringMatching(/hostname.*not a git repository/)]));
  });

  it('when nothing is committed, or the folder is no repository', async () => {
    await rm(join(folder, '.git'), { recursive: true });
    expect((await ask(['recipe'])).doubts).toEqual([expect.stringContaining('not a git repository')]);
    git('init', '--quiet');
    expect((await ask(['recipe'])).doubts).toEqual(['nothing in . is committed']);
  });

  it('when there is no git', async () => {
    expect((await ask(['recipe'], undefined, { PATH: '/nowhere' })).doubts).toEqual([
      expect.stringContaining('git is not on this machine'),
    ]);
  });

  it('when the history is not the one that was certified, or not whole', async () => {
    const gone = 'a'.repeat(40);
    expect((await ask(['recipe'], { '.': gone })).doubts).toEqual([
      expect.stringContaining('does not have aaaaaaaaaaaa'),
    ]);
    expect(names(await ask(['recipe'], { '.': gone }))).toEqual(['alice']);
    const clone = join(folder, 'clone');
    execFileSync('git', ['clone', '--quiet', '--depth', '1', `file://${folder}`, clone]);
    const history = openHistory([join(clone, 'recipe')], clone, {
      env: process.env,
      signal: new AbortController().signal,
    });
    expect((await history.authorsSince(undefined)).doubts).toEqual([expect.stringContaining('shallow clone')]);
  });
});

it('does not let the repository or the environment turn git', async () => {
  await write('recipe', 'a\n');
  const real = commit('mallory');
  const tree = git('rev-parse', 'HEAD^{tree}');
  const env = {
    ...process.env,
    GIT_AUTHOR_NAME: 'b',
    GIT_AUTHOR_EMAIL: 'bob@example.com',
    GIT_COMMITTER_NAME: 'b',
    GIT_COMMITTER_EMAIL: 'bob@example.com',
  };
  const other = execFileSync('git', ['commit-tree', tree, '-m', 'x'], { cwd: folder, env, encoding: 'utf8' }).trim();
  git('replace', real, other);
  await write('.mailmap', 'Bob <bob@example.com> <mallory@example.com>\n');
  git('config', 'log.mailmap', 'true');
  git('config', 'core.fsmonitor', 'touch was-run; false');
  expect(git('log', '--format=%aE')).toBe('bob@example.com');
  const found = await ask(['recipe'], undefined, { ...process.env, GIT_DIR: '/nowhere' });
  expect(names(found)).toEqual(['mallory']);
});
