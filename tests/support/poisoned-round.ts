import { cp, readFile } from 'node:fs/promises';
import { forkWorld, once, runWorld, type World } from './attack-world.ts';
import { poison, randomNumbers } from './poison.ts';
import { temporaryFolder } from './workspace.ts';

const published = once(async () => await runWorld({ environments: '  production:\n    gates: {}' }, 'published'));

/** A copy of a workspace that has published one cell, with gates that are always asked. */
export async function forkPublished(): Promise<World> {
  return await forkWorld(await published());
}

export interface PoisonedRound {
  /** Each change, in order. */
  readonly done: readonly string[];
  /** What must never be, and is. */
  readonly problems: readonly string[];
  readonly healed: boolean;
}

/** Changes files of the store, runs, and looks at every tag and at what is believed of it. */
export async function poisonedRound(
  world: World,
  { seed, changes }: { readonly seed: number; readonly changes: number },
): Promise<PoisonedRound> {
  const next = randomNumbers(seed);
  const older = await temporaryFolder();
  await cp(world.path(), older, { recursive: true, verbatimSymlinks: true });
  const done: string[] = [];
  for (let count = 0; count < changes; count++) done.push(await poison(world.path(), older, next));
  const ran = await world.run(['run', '--quiet']);
  const problems: string[] = [];
  const text = ran.stdout + ran.stderr;
  if (/this is a bug|\n\s+at /.test(text)) problems.push(text);
  const healed = ran.exitCode === 0;
  if (!healed && !text.includes(world.path())) problems.push(`it names no file: ${text}`);
  const list = await readFile(world.path('index.json'), 'utf8').catch(() => '{}');
  const tags = tagsOf(list);
  for (const [tag, digest] of tags)
    if (digest !== world.index) {
      // A tag that was changed and not set again must be refused by whoever looks.
      const verified = await world.run(['verify', tag]);
      if (verified.exitCode === 0) problems.push(`${tag} means ${digest}, and that is verified`);
      if (healed) problems.push(`${tag} means ${digest} after a run that found nothing wrong`);
    }
  if (healed) {
    const verified = await world.run(['verify', '24', '--explain']);
    if (verified.exitCode !== 0) problems.push(`after a run that found nothing wrong: ${verified.stdout}`);
  }
  return { done, problems, healed };
}

function tagsOf(text: string): [string, string][] {
  try {
    const { manifests = [] } = JSON.parse(text) as {
      manifests?: { digest: string; annotations?: Record<string, string> }[];
    };
    return manifests.flatMap(({ digest, annotations }) => {
      const tag = annotations?.['org.opencontainers.image.ref.name'];
      return tag === undefined ? [] : [[tag, digest] as [string, string]];
    });
  } catch {
    return [];
  }
}
