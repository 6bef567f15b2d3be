// What is certified under the rules of one environment, used in another.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { forkWorld, once, runWorld, type World } from '../support/attack-world.ts';
import { ask, failedChecks, type Cells, type Verified } from '../support/certified.ts';

const environments = `  production:
    gates: {}
  staging:
    gates: {}`;
const published = once(async () => await runWorld({ environments }, 'published'));

const edit = async (world: World, from: string | RegExp, to: string): Promise<void> => {
  const recipe = join(world.cwd, 'nodeworthy.yaml');
  await writeFile(recipe, (await readFile(recipe, 'utf8')).replace(from, to));
};

async function digestOf(world: World, tag: string): Promise<string | undefined> {
  const { manifests } = JSON.parse(await readFile(world.path('index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  return manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag)?.digest;
}

describe('an image of production', () => {
  let world: World;
  beforeAll(async () => {
    world = await forkWorld(await published());
    // Another image of the same cell, which only staging has seen.
    await edit(world, /$/, 'compression: zstd\n');
    expect((await world.run(['lock', '--quiet'])).exitCode).toBe(0);
  }, 120_000);

  it('keeps its tags when another one is certified for staging', { timeout: 120_000 }, async () => {
    const { exitCode, json } = await ask<Cells>(world.cwd, ['run', '--environment', 'staging', '--cells', world.cell]);
    expect(exitCode).toBe(4);
    expect(json.cells[0]?.reason).toMatch(/:24.* is an image that is certified for production, which comes first/);
    expect(await digestOf(world, '24')).toBe(world.index);
  });

  it('lies beside that one when staging has tags of its own, which is not verified for production', async () => {
    await edit(world, '  staging:\n    gates: {}', '  staging:\n    tagSuffix: -staging\n    gates: {}');
    const { exitCode, json } = await ask<Cells>(world.cwd, ['run', '--environment', 'staging', '--cells', world.cell]);
    expect(exitCode, json.cells[0]?.reason).toBe(0);
    expect(json.cells[0]?.tags).toEqual(expect.arrayContaining(['24-staging', `${world.cell}-staging-r1`]));
    expect(await digestOf(world, '24')).toBe(world.index);
    const other = await digestOf(world, '24-staging');
    expect(other).not.toBe(world.index);
    const verify = async (...more: string[]) => await ask<Verified>(world.cwd, ['verify', '24-staging', ...more]);
    expect((await verify('--environment', 'staging')).exitCode).toBe(0);
    const key = ['--key', 'keys/release.pub'];
    expect((await verify(...key, '--environment', 'staging')).exitCode).toBe(0);
    for (const more of [[], ['--environment', 'production'], [...key, '--environment', 'production']]) {
      const { exitCode: status, json: refused } = await verify(...more);
      expect(status).toBe(10);
      expect(failedChecks(refused)[0]).toMatch(/no certificate for production.*; it is certified for staging/);
    }
  });

  it('is taken over by production when it certifies it as well', async () => {
    const { exitCode, json } = await ask<Cells>(world.cwd, ['run', '--cells', world.cell]);
    expect(exitCode, json.cells[0]?.reason).toBe(0);
    expect(await digestOf(world, '24')).toBe(await digestOf(world, '24-staging'));
    expect((await world.run(['verify', '24', '--deep'])).exitCode).toBe(0);
  });
});

describe('whoever does not say for what', () => {
  it.each([
    ['verify', ['verify', '24', '--key', 'keys/release.pub']],
    ['certificate', ['certificate', '24', '--key', 'keys/release.pub']],
    ['admission', ['admission', '--key', 'keys/release.pub', '--repository', 'localhost:1/x']],
  ])('is asked by %s', async (_, args) => {
    const refused = await (await forkWorld(await published())).run(args);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(
      /nobody says what the image is to be certified for\s+hint: name it with --environment/,
    );
  });

  it('gets the first of a trust file', async () => {
    const world = await forkWorld(await published());
    await writeFile(join(world.cwd, 'trust.yaml'), (await world.run(['policies'])).stdout);
    const { json } = await ask<Verified>(world.cwd, ['verify', '24', '--trust', 'trust.yaml']);
    expect(json.checks.find(({ id }) => id.startsWith('policy'))?.id).toBe('policy production');
  });
});

it.each([
  ['-slim', 'tags with this ending would be read as'],
  ['-trixie', 'tags with this ending would be read as'],
  ['-r1', 'tags with this ending would be read as'],
  ['staging', 'like -staging'],
])('the ending %s is refused', async (ending, message) => {
  const world = await forkWorld(await published());
  await edit(world, '  staging:\n', `  staging:\n    tagSuffix: ${ending}\n`);
  const refused = await world.run(['plan']);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain(message);
});
