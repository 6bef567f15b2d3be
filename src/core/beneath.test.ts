import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFolder, type Folder } from './beneath.ts';

let root: string;
let folder: Folder;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'nodeworthy-'));
  await mkdir(join(root, 'context/a/b'), { recursive: true });
  await writeFile(join(root, 'context/a/b/file'), 'inside');
  await writeFile(join(root, 'secret'), 'outside');
  await mkdir(join(root, 'other'));
  await writeFile(join(root, 'other/file'), 'outside');
  await symlink('../secret', join(root, 'context/link'));
  await symlink('../other', join(root, 'context/folder'));
  await symlink('b', join(root, 'context/a/near'));
  execFileSync('mkfifo', [join(root, 'context/pipe')]);
  folder = await openFolder(join(root, 'context'));
});

afterAll(async () => {
  await folder.close();
  await rm(root, { recursive: true });
});

describe('a folder that is read by handles', () => {
  it('gives what lies in it', async () => {
    expect((await folder.read('a/b/file', 100)).toString()).toBe('inside');
    expect((await folder.read('./a//b/./file', 100)).toString()).toBe('inside');
    expect(await folder.look('a')).toMatchObject({ kind: 'directory' });
    expect(await folder.look('.')).toMatchObject({ kind: 'directory' });
    expect(await folder.look('link')).toMatchObject({ kind: 'symlink', target: '../secret' });
    expect(await folder.look('none')).toBeUndefined();
    expect(await folder.look('none/file')).toBeUndefined();
    expect((await folder.list('a')).map(({ name, kind }) => `${name} ${kind}`).sort()).toEqual([
      'b directory',
      'near symlink',
    ]);
    expect(await folder.list('.')).toContainEqual(expect.objectContaining({ name: 'pipe', kind: 'other' }));
    await expect(folder.read('a/none', 10)).rejects.toThrow('a/none is not there');
    await expect(folder.look('a/'.repeat(101))).rejects.toThrow(/more than 100 folders deep/);
  });

  it.each([
    ['link', /link is a link/],
    ['folder/file', /folder is a link, and is not followed/],
    ['a/near/file', /a\/near is a link/],
    ['../secret', /leads out/],
    ['a/../../secret', /leads out/],
    ['a/b/file/x', /a\/b\/file is no folder/],
    ['a', /a is no file/],
    ['pipe', /pipe is no file/],
  ])('does not read %s', async (path, message) => {
    await expect(folder.read(path, 100)).rejects.toThrow(message);
  });

  it('does not read more than is wanted', async () => {
    await expect(folder.read('a/b/file', 5)).rejects.toThrow(/larger than 5 bytes/);
    await expect(folder.list('folder')).rejects.toThrow();
  });

  it('never gives what a link leads to, however often somebody swaps folders', async () => {
    const at = (name: string): string => join(root, 'context', name);
    await mkdir(at('swap'));
    await writeFile(at('swap/file'), 'inside');
    await symlink(join(root, 'other'), at('trap'));
    const over = new AbortController();
    const swapping = (async () => {
      while (!over.signal.aborted) {
        await rename(at('swap'), at('kept'));
        await rename(at('trap'), at('swap'));
        await rename(at('swap'), at('trap'));
        await rename(at('kept'), at('swap'));
      }
    })();
    const seen = new Set<string>();
    for (let count = 0; count < 2000; count++)
      seen.add(await folder.read('swap/file', 100).then(String, () => 'refused'));
    over.abort();
    await swapping;
    expect(seen).not.toContain('outside');
    expect(seen).toContain('inside');
  });
});
