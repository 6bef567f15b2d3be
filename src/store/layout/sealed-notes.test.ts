import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sealedNotes, type SealedNotes } from './sealed-notes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeworthy-notes-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const open = (key = 'a key'): SealedNotes =>
  sealedNotes(join(folder, 'state'), async () => Buffer.from(key), join(folder, 'begun'));

it('a note is read by who has its key, under its name', async () => {
  await open().write('kind', 'name', 'text\nof two lines');
  expect(await open().read('kind', 'name')).toBe('text\nof two lines');
  expect(await open('another key').read('kind', 'name')).toBe(undefined);
  await cp(join(folder, 'state/kind/name'), join(folder, 'state/kind/other'));
  expect(await open().read('kind', 'other')).toBe(undefined);
});

it('a note that has begun is read until it ends, and a copy of it never again', async () => {
  const notes = open();
  await notes.begin('kind', 'name', 'text');
  expect(await open().readBegun('kind', 'name')).toBe('text');
  await cp(join(folder, 'state/kind/name'), join(folder, 'copy'));
  await notes.end('kind', 'name');
  expect(await notes.readBegun('kind', 'name')).toBe(undefined);
  await cp(join(folder, 'copy'), join(folder, 'state/kind/name'));
  expect(await notes.readBegun('kind', 'name')).toBe(undefined);
  // Nor when another one has begun since.
  await notes.begin('kind', 'name', 'later');
  await cp(join(folder, 'copy'), join(folder, 'state/kind/name'));
  expect(await notes.readBegun('kind', 'name')).toBe(undefined);
  expect(await readdir(join(folder, 'begun'))).toHaveLength(1);
});

it('a note that is only written has not begun', async () => {
  await open().write('kind', 'name', `${'0'.repeat(32)}\ntext`);
  expect(await open().readBegun('kind', 'name')).toBe(undefined);
});

it('a note begins where no number of it can be kept, and no later process believes it', async () => {
  await writeFile(join(folder, 'begun'), 'no folder');
  await open().begin('kind', 'name', 'text');
  expect(await open().readBegun('kind', 'name')).toBe(undefined);
  await open().end('kind', 'name');
});
