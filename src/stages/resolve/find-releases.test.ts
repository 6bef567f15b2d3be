import { describe, expect, it } from 'vitest';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { RecipeSchema } from '../../config/recipe-schema.ts';
import type { NodeSource } from '../../sources/source.ts';
import { awaitedReleases, selectFrom } from './find-releases.ts';

const offers: Readonly<Record<string, readonly string[]>> = {
  'linux/amd64': ['26.12.1', '26.10.0', '24.21.0', '24.10.0', '20.0.0', '4.9.1'],
  'linux/arm64': ['26.10.0', '24.20.0', '20.0.0'],
};
const source: NodeSource = {
  label: 'the test',
  listVersions: (platform) => Promise.resolve([...(offers[platform] ?? [])]),
  publishedOn: (version) => Promise.resolve(version === '24.12.0' ? '2026-10-01' : undefined),
  acquire: () => Promise.reject(new TypeError('not used')),
  acquireTool: () => Promise.reject(new TypeError('not used')),
  restore: () => Promise.reject(new TypeError('not used')),
};

async function select(releases: readonly (string | number)[], more: object = {}) {
  const notices: string[] = [];
  const recipe = RecipeSchema.parse({
    name: 'test',
    node: { releases, ...more },
    bases: { trixie: { debian: 'trixie' } },
    platforms: ['linux/amd64', 'linux/arm64'],
  });
  const chosen = await selectFrom(source, { recipe } as LoadedRecipe, {
    now: new Date('2026-11-21T12:00:00Z'),
    verificationTime: new Date(),
    env: {},
    signal: new AbortController().signal,
    concurrency: 1,
    report: (event) => {
      if (event.kind === 'notice') notices.push(event.text);
    },
  });
  return {
    awaited: awaitedReleases(chosen),
    chosen: chosen.map(({ release, platforms }) => `${release} ${platforms.length}`),
    notices,
  };
}

describe('a release that a source does not have for a platform of its line', () => {
  it('is waited for with the one before, and the platform is named', async () => {
    const { chosen, notices, awaited } = await select([26]);
    expect(chosen).toEqual(['26.10.0 2']);
    expect(awaited).toEqual([{ release: '26.12.1', missing: ['linux/arm64'], taken: '26.10.0' }]);
    expect(notices).toEqual([expect.stringMatching(/26\.12\.1 is not at the test for linux\/arm64 yet: 26\.10\.0/)]);
  });

  it('is an error that names the platform, when it is asked for by its version', async () => {
    await expect(select(['24.10.0'])).rejects.toMatchObject({
      code: 'SELECTION_EMPTY',
      message: 'node.releases: "24.10.0": Node.js 24.10.0 is not at the test for linux/arm64',
    });
  });

  it('is an error when no release of the line is complete', async () => {
    await expect(select([24])).rejects.toThrow('Node.js 24.21.0 is not at the test for linux/arm64');
  });

  it('is taken without the platform by choice, and that is said', async () => {
    const { chosen, notices } = await select([26, '24.10.0'], { missingPlatforms: 'proceed' });
    expect(chosen).toEqual(['26.12.1 1', '24.10.0 1']);
    expect(notices).toHaveLength(2);
  });

  it('is whole where the line never had the platform', async () => {
    const whole = { chosen: ['20.0.0 2', '4.9.1 1'], notices: [], awaited: [] };
    expect(await select(['4.9.1', 20])).toEqual(whole);
  });
});
