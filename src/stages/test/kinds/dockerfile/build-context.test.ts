import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBuildContext } from './build-context.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeworthy-context-'));
  await mkdir(join(folder, 'src/deep'), { recursive: true });
  await mkdir(join(folder, 'node_modules/x'), { recursive: true });
  for (const path of ['src/a.js', 'src/deep/b.js', 'node_modules/x/c.js', 'Dockerfile'])
    await writeFile(join(folder, path), path);
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** Paths that a source means when `.dockerignore` says this. */
async function found(source: string, ignore: string): Promise<string[]> {
  await writeFile(join(folder, '.dockerignore'), ignore);
  const context = await openBuildContext(folder, join(folder, 'Dockerfile'));
  return (await context.find(source)).flatMap(({ root, inside }) => [root, ...inside].map(({ path }) => path));
}

describe('what is copied', () => {
  it('is what was taken back, when all is left out', async () => {
    expect(await found('src', '*\n!src/**\n')).toEqual(['src', 'src/a.js', 'src/deep', 'src/deep/b.js']);
    expect(await found('.', '*\n!src/deep/**\n')).toEqual(['.', 'src', 'src/deep', 'src/deep/b.js']);
    await expect(found('node_modules', '*\n!src/**\n')).rejects.toThrow('is left out by .dockerignore');
    await expect(found('Dockerfile', '*\n!src/**\n')).rejects.toThrow('is left out by .dockerignore');
  });

  it('is not kept back by what is left out: sockets, and more files than may be copied', async () => {
    execFileSync('mkfifo', [join(folder, 'node_modules/pipe')]);
    execFileSync('sh', ['-c', 'cd "$1" && seq 1 100100 | xargs touch', 'sh', join(folder, 'node_modules')]);
    expect(await found('.', 'node_modules\n.dockerignore\n')).toEqual([
      '.',
      'Dockerfile',
      'src',
      'src/a.js',
      'src/deep',
      'src/deep/b.js',
    ]);
    await expect(found('.', '')).rejects.toThrow(/neither a file nor a folder|more than 100000 files/);
  });
});
