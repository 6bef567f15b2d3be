import { cp, mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/support/workspace.ts';
import { keptFolder, keptPath, noteKept, readKept, type KeptFile } from './kept-files.ts';
import { openLayoutStore } from './layout/layout-store.ts';

const file: KeptFile = { kind: 'expanded', name: 'one' };

async function storeWith(content: string) {
  const folder = join(await temporaryFolder(), 'store');
  const store = await openLayoutStore(folder);
  await keptFolder(store, file.kind);
  await writeFile(keptPath(store, file), content);
  await noteKept(store, file, 'said of it');
  return { folder, store };
}

it('a kept file is known again where a store was copied to, as caches of pipelines do', async () => {
  const { folder, store } = await storeWith('content');
  const copy = join(await temporaryFolder(), 'copy');
  await cp(folder, copy, { recursive: true });
  const copied = await openLayoutStore(copy);
  const note = join(copy, '.nodeworthy/expanded/one.json');
  const before = await readFile(note, 'utf8');
  expect(await readKept(copied, file)).toBe('said of it');
  // Its mark is noted: the next look costs nothing.
  expect(await readFile(note, 'utf8')).not.toBe(before);
  expect(await readKept(copied, file)).toBe('said of it');
  expect(await readKept(store, file)).toBe('said of it');
});

it.each([
  [
    'other bytes of the same length and time',
    async (path: string) => {
      await writeFile(path, 'CONTENT');
      await utimes(path, 1, 1);
    },
  ],
  ['fewer bytes', async (path: string) => await writeFile(path, 'conten')],
  [
    'a folder in its place',
    async (path: string) => {
      await rename(path, `${path}.away`);
      await mkdir(path);
    },
  ],
  ['nothing there', async (path: string) => await rename(path, `${path}.away`)],
])('%s is not what was noted', async (_, change) => {
  const { store } = await storeWith('content');
  await change(keptPath(store, file));
  expect(await readKept(store, file)).toBeUndefined();
});

it('a folder is known where it is alone', async () => {
  const { store, folder } = await storeWith('content');
  const tree: KeptFile = { kind: 'unpacked', name: 'tree' };
  await mkdir(keptPath(store, tree), { recursive: true });
  await writeFile(join(keptPath(store, tree), 'x'), 'y');
  await noteKept(store, tree, '');
  expect(await readKept(store, tree)).toBe('');
  const copy = join(await temporaryFolder(), 'copy');
  await cp(folder, copy, { recursive: true });
  expect(await readKept(await openLayoutStore(copy), tree)).toBeUndefined();
});
