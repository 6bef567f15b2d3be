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

/** A workspace of one's own with the real lock and inputs (as hard links), and nothing built. */
export async function realWorkspace(change: (recipe: string) => string = (recipe) => recipe): Promise<string> {
  const shared = inject('workspace');
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'nodeworthy.yaml'), change(await readFile(join(shared, 'nodeworthy.yaml'), 'utf8')));
  await cp(join(shared, 'nodeworthy.lock.json'), join(folder, 'nodeworthy.lock.json'));
  const blobs = join('.nodeworthy', 'store', 'blobs', 'sha256');
  await mkdir(join(folder, blobs), { recursive: true });
  const lock = await readFile(join(shared, 'nodeworthy.lock.json'), 'utf8');
  for (const name of await readdir(join(shared, blobs))) {
    if (lock.includes(name)) await link(join(shared, blobs, name), join(folder, blobs, name));
  }
  return folder;
}

/** The same with only some of the lock's cells. */
export async function smallWorkspace(
  keep: (cell: string) => boolean,
  change?: (recipe: string) => string,
): Promise<string> {
  const folder = await realWorkspace(change);
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
