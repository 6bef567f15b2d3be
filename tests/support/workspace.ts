import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { cp, link, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, inject } from 'vitest';
import type { Context } from '../../src/core/context.ts';

const made: string[] = [];
afterAll(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-test-'));
  made.push(folder);
  return folder;
}

/**
 * What a workspace has from the beginning, as hard links into the one store that the whole suite shares: inputs alone,
 * with the layers made from them, or with frozen images and the reports of their battery.
 */
export type Prepared = 'inputs' | 'layers' | 'reports';

/**
 * Folders of a store's state that hold notes of what was made from inputs. Kept folders beside them stay behind: a link
 * touches what it leads to, and a folder that was touched is made again.
 */
const madeParts = ['inventories', 'layers', 'listings', 'proven'];

/** Blobs as hard links to what the store of a workspace has, and copies of what was noted about them. */
export function linkStore(from: string, to: string, prepared: Exclude<Prepared, 'inputs'>): void {
  const [source, target] = [join(from, '.nodeworthy/store'), join(to, '.nodeworthy/store')];
  const state = [...madeParts, ...(prepared === 'reports' ? ['candidates'] : [])];
  mkdirSync(join(target, '.nodeworthy'), { recursive: true });
  mkdirSync(join(target, 'blobs'), { recursive: true });
  execFileSync('cp', ['-al', join(source, 'blobs/sha256'), join(target, 'blobs/sha256')]);
  for (const folder of state.map((name) => `.nodeworthy/${name}`).filter((name) => existsSync(join(source, name))))
    execFileSync('cp', ['-a', join(source, folder), join(target, folder)]);
  if (prepared === 'reports') copyFileSync(join(source, 'index.json'), join(target, 'index.json'));
}

/** What inputs and systems unpack to: files that are known by their bytes. For tests that lock anew, and alter no store. */
export function linkExpanded(from: string, to: string): void {
  const state = (folder: string, name: string): string => join(folder, '.nodeworthy/store/.nodeworthy', name);
  for (const name of ['expanded', 'systems'])
    if (existsSync(state(from, name))) execFileSync('cp', ['-al', state(from, name), state(to, name)]);
}

/** A workspace of one's own with the real lock, and what is prepared of its images. */
export async function realWorkspace(
  change: (recipe: string) => string = (recipe) => recipe,
  prepared: Prepared = 'inputs',
): Promise<string> {
  const shared = inject('workspace');
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'nodeworthy.yaml'), change(await readFile(join(shared, 'nodeworthy.yaml'), 'utf8')));
  await cp(join(shared, 'nodeworthy.lock.json'), join(folder, 'nodeworthy.lock.json'));
  if (prepared !== 'inputs') {
    linkStore(shared, folder, prepared);
    return folder;
  }
  const blobs = join('.nodeworthy', 'store', 'blobs', 'sha256');
  await mkdir(join(folder, blobs), { recursive: true });
  const lock = await readFile(join(shared, 'nodeworthy.lock.json'), 'utf8');
  for (const name of await readdir(join(shared, blobs))) {
    if (lock.includes(name)) await link(join(shared, blobs, name), join(folder, blobs, name));
  }
  return folder;
}

/** The same with only some of the lock's cells: tested ones, unless less is asked for. */
export async function smallWorkspace(
  keep: (cell: string) => boolean,
  change?: (recipe: string) => string,
  prepared: Prepared = 'reports',
): Promise<string> {
  const folder = await realWorkspace(change, prepared);
  const path = join(folder, 'nodeworthy.lock.json');
  const lock = JSON.parse(await readFile(path, 'utf8')) as { cells: { id: string; base: string }[] };
  await writeFile(path, JSON.stringify({ ...lock, cells: lock.cells.filter((cell) => keep(cell.id)) }));
  return folder;
}

export function testContext(overrides: Partial<Context> = {}): Context {
  return {
    now: new Date('2026-11-21T12:00:00Z'),
    verificationTime: new Date(),
    env: process.env,
    signal: new AbortController().signal,
    report: () => {},
    concurrency: 2,
    ...overrides,
  };
}
