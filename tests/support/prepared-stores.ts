import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { withProcessLock } from '../../src/core/process-lock.ts';
import { command } from './matrix.ts';
import { listReleases, newestSupported } from './releases.ts';
import { linkExpanded, linkStore } from './workspace.ts';

/**
 * Workspaces with tested images that more than one test file begins with, beyond those of the quickstart:
 *
 * - `variants`: every variant of the newest Node.js 24 on trixie.
 * - `supported`: every cell of the supported matrix.
 *
 * The first file that asks makes one, on top of the one before it; others wait.
 */
export type PreparedStore = 'variants' | 'supported';

const minutes = 60_000;

/** Of the quickstart as well: the name of a recipe is in its images, and only the same images are not tested again. */
export const preparedName = 'quickstart';

const recipeOf = (releases: readonly string[], suites: readonly string[]): string => `name: ${preparedName}
node: { releases: [${releases.map((release) => `"${release}"`).join(', ')}] }
bases:
${suites.map((suite) => `  ${suite}: { debian: ${suite} }\n`).join('')}variants: [runtime, slim, build]
`;

/** @returns the folder of a workspace with recipe, lock and store; nobody changes it */
export async function preparedStore(name: PreparedStore): Promise<string> {
  const folder = join(inject('prepared'), name);
  const done = join(folder, 'done');
  if (existsSync(done)) return folder;
  const below = name === 'variants' ? inject('workspace') : await preparedStore('variants');
  return await withProcessLock(
    `${folder}.lock`,
    async () => {
      if (existsSync(done)) return folder;
      // Of one that did not come to its end.
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder);
      const recipe =
        name === 'variants'
          ? recipeOf(['24'], ['trixie'])
          : recipeOf(newestSupported(await listReleases()), ['trixie', 'bookworm']);
      await writeFile(join(folder, 'nodeworthy.yaml'), recipe);
      linkStore(below, folder, 'reports');
      linkExpanded(below, folder);
      await command(folder, ['lock']);
      await command(folder, ['test']);
      await writeFile(done, '');
      return folder;
    },
    { waitMs: 20 * minutes },
  );
}
