// An approver who has something to hide: what is approved is not what is in force, or who wrote it approves it.
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { attacks, once, runWorld, type Answer, type Attack, type World } from '../support/attack-world.ts';
import { author, commitAll } from '../support/certified.ts';

const environments = `  production:
    custom: [{ module: gates/names.ts }]
    gates:
      approvals: { required: 1, roles: { security: 1 } }`;

const gate = `import { isFine } from './helper.ts';
export default {
  name: 'names',
  summary: 'Names are fine',
  evaluate: ({ image }) => (isFine(image.cell) ? [] : [{ result: 'deny', reason: 'a bad name', evidence: [] }]),
};
`;
const helper = `/** Words that no cell may have in its name. */
const words = ['unsafe', 'broken', 'forbidden'];
export const isFine = (name: string): boolean => !words.some((word) => name.includes(word));
`;
const vex = {
  '@context': 'https://openvex.dev/ns/v0.2.0',
  '@id': 'https://example.com/vex/1',
  author: 'security@example.com',
  timestamp: '2026-11-01T00:00:00Z',
  version: 1,
  statements: [],
};

const waiting = once(
  async () =>
    await runWorld(
      {
        environments,
        more: 'vex: [vex.json]',
        async change(cwd) {
          await mkdir(join(cwd, 'gates'));
          await mkdir(join(cwd, 'drafts'));
          await writeFile(join(cwd, 'gates/names.ts'), gate);
          await writeFile(join(cwd, 'gates/helper.ts'), helper);
          await writeFile(join(cwd, 'vex.json'), JSON.stringify(vex));
          commitAll(cwd, author);
        },
      },
      'waiting',
    ),
);

const approve = async (world: World, who = 'bob'): Promise<Answer> =>
  await world.run(['approve', world.cell, '--key', `keys/${who}.key`, '--reason', 'looked at it']);

const approved = once(async () => {
  const world = await waiting();
  expect((await approve(world)).stdout).toContain('production is now allowed');
  return world;
});

async function tagsOf(world: World): Promise<string[]> {
  const { manifests } = JSON.parse(await readFile(world.path('index.json'), 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  return manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? []);
}

/** What is allowed has tags, and what is not has none. */
async function holds(world: World, { exitCode }: Answer): Promise<void> {
  expect((await tagsOf(world)).includes('24')).toBe(exitCode === 0);
}

const mail = (name: string): string => `${name}@example.com`;
const change = async (world: World, file: string): Promise<void> => {
  const isJson = file.endsWith('.json');
  await appendFile(join(world.cwd, file), isJson ? '\n' : file.endsWith('.ts') ? '// fine\n' : '# fine\n');
};
const commits =
  (who: string, ...files: readonly string[]) =>
  async (world: World): Promise<void> => {
    for (const file of files) await change(world, file);
    commitAll(world.cwd, mail(who));
  };
const git = (world: World, ...args: readonly string[]): void =>
  void execFileSync('git', args, { cwd: world.cwd, stdio: 'ignore' });

const isAuthor: Attack['answer'] = { exitCode: 10, says: /bob@example\.com is an author of/ };
const needsMore = (doubt: RegExp): Attack['answer'] => ({
  exitCode: 15,
  says: new RegExp(`has 1 of 2 approvals; one more is needed, for .*${doubt.source}`),
});

describe('bob approves, and', () => {
  const victim = async (world: World): Promise<Answer> => {
    const decided = await approve(world);
    return decided.exitCode === 0 ? await world.run(['run', '--quiet']) : decided;
  };
  attacks({ prepared: waiting, victim, holds }, [
    { name: 'has committed the recipe', change: commits('bob', 'nodeworthy.yaml'), answer: isAuthor },
    { name: 'has committed only the lock', change: commits('bob', 'nodeworthy.lock.json'), answer: isAuthor },
    { name: 'has committed only a gate’s helper', change: commits('bob', 'gates/helper.ts'), answer: isAuthor },
    { name: 'has committed only a VEX document', change: commits('bob', 'vex.json'), answer: isAuthor },
    { name: 'has committed only a public key', change: commits('bob', 'keys/carol.pub'), answer: isAuthor },
    {
      name: 'has committed it under a name in capitals',
      change: commits('BOB', 'gates/helper.ts'),
      answer: isAuthor,
    },
    {
      name: 'has committed, and somebody else committed after him',
      async change(world) {
        await commits('bob', 'gates/helper.ts')(world);
        await commits('carol', 'gates/helper.ts', 'nodeworthy.yaml')(world);
      },
      answer: isAuthor,
    },
    {
      name: 'has committed what somebody else is said to have written',
      async change(world) {
        await change(world, 'gates/helper.ts');
        const name = ['-c', 'user.name=bob', '-c', `user.email=${mail('bob')}`];
        git(world, ...name, 'commit', '--all', '--message=x', `--author=m <${mail('mallory')}>`);
      },
      answer: isAuthor,
    },
    {
      name: 'is named as one who wrote it as well',
      async change(world) {
        await change(world, 'gates/helper.ts');
        const name = ['-c', 'user.name=carol', '-c', `user.email=${mail('carol')}`];
        git(world, ...name, 'commit', '--all', '--message', `x\n\nCo-authored-by: Bob <${mail('bob')}>`);
      },
      answer: isAuthor,
    },
    {
      name: 'wrote a draft, which somebody else moved into its place',
      async change(world) {
        await writeFile(join(world.cwd, 'drafts/helper.ts'), `${helper}// of bob\n`);
        commitAll(world.cwd, mail('bob'));
        await rename(join(world.cwd, 'drafts/helper.ts'), join(world.cwd, 'gates/helper.ts'));
        commitAll(world.cwd, mail('carol'));
      },
      answer: isAuthor,
    },
    {
      name: 'has committed, and says in the recipe, with a commit of carol, that she asks for it',
      async change(world) {
        await commits('bob', 'gates/helper.ts')(world);
        const recipe = join(world.cwd, 'nodeworthy.yaml');
        await writeFile(
          recipe,
          (await readFile(recipe, 'utf8')).replace(`author: ${author}`, `author: ${mail('carol')}`),
        );
        commitAll(world.cwd, mail('carol'));
      },
      answer: isAuthor,
    },
    {
      name: 'has turned what git says of his commit',
      async change(world) {
        await commits('bob', 'gates/helper.ts')(world);
        await writeFile(join(world.cwd, '.mailmap'), `Carol <${mail('carol')}> <${mail('bob')}>\n`);
        git(world, 'config', 'log.mailmap', 'true');
      },
      answer: isAuthor,
    },
    {
      name: 'has changed the recipe, and not committed it',
      change: async (world) => await change(world, 'nodeworthy.yaml'),
      answer: needsMore(/nodeworthy\.yaml is not as it was committed/),
    },
    {
      name: 'has changed a gate’s helper, and told git not to look',
      async change(world) {
        await change(world, 'gates/helper.ts');
        git(world, 'update-index', '--assume-unchanged', 'gates/helper.ts');
      },
      answer: needsMore(/gates\/helper\.ts is not as it was committed/),
    },
    {
      name: 'has changed what git ignores',
      async change(world) {
        await writeFile(join(world.cwd, '.gitignore'), '.nodeworthy\n*.key\nvex.json\n');
        git(world, 'rm', '--cached', '--quiet', 'vex.json');
        commitAll(world.cwd, author);
        await change(world, 'vex.json');
      },
      answer: needsMore(/vex\.json is not as it was committed/),
    },
    {
      name: 'has taken the history away',
      change: async (world) => await rm(join(world.cwd, '.git'), { recursive: true }),
      answer: needsMore(/not a git repository/),
    },
    {
      name: 'has begun another history',
      async change(world) {
        await rm(join(world.cwd, '.git'), { recursive: true });
        git(world, 'init', '--quiet');
      },
      answer: needsMore(/nothing in \. is committed/),
    },
    {
      name: 'has changed the recipe, and carol approves as well',
      async change(world) {
        await change(world, 'nodeworthy.yaml');
        expect((await approve(world, 'carol')).exitCode).toBe(0);
      },
    },
    {
      name: 'somebody writes something that is none of it',
      async change(world) {
        await writeFile(join(world.cwd, 'drafts/notes.md'), 'of bob\n');
        commitAll(world.cwd, mail('bob'));
      },
    },
  ]);
});

describe('after bob approved', () => {
  const voided: Attack['answer'] = { exitCode: 15, says: /not counted: bob@example\.com: saw another policy/ };
  attacks({ prepared: approved, victim: async (world) => await world.run(['run', '--quiet']), holds }, [
    { name: 'a gate’s helper changes', change: commits('carol', 'gates/helper.ts'), answer: voided },
    { name: 'a gate changes', change: commits('carol', 'gates/names.ts'), answer: voided },
    {
      name: 'the image is to have other names',
      async change(world) {
        await appendFile(join(world.cwd, 'nodeworthy.yaml'), 'tags: { aliases: [major, lts] }\n');
        commitAll(world.cwd, mail('carol'));
      },
      answer: voided,
    },
    {
      name: 'another key is trusted',
      async change(world) {
        const recipe = join(world.cwd, 'nodeworthy.yaml');
        const entry = '  - { name: mallory, publicKey: keys/mallory.pub, states: [revocations] }\n';
        await writeFile(recipe, (await readFile(recipe, 'utf8')).replace('trust:\n', `trust:\n${entry}`));
        commitAll(world.cwd, mail('carol'));
      },
      answer: voided,
    },
    {
      name: 'bob himself commits',
      change: commits('bob', 'vex.json'),
      answer: { exitCode: 15, says: /not counted: bob@example\.com: / },
    },
    {
      name: 'the recipe gets a comment',
      change: commits('carol', 'nodeworthy.yaml'),
    },
  ]);
});
