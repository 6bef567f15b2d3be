import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { Context } from '../../core/context.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { capabilitiesOf, isInData, isProbed } from '../catalog/capabilities.ts';
import { settled, type Acquired } from './acquired.ts';
import type { Lock, LockedCell, ProbedRelease } from './lock.ts';

/**
 * Asks the Node.js of a cell what it can do by running it: on this machine's platform where the cell has it.
 * @throws Failure when it does not start, or when nothing here can run it
 */
export type AskBinary = (
  draft: Lock,
  cell: LockedCell,
) => Promise<Pick<ProbedRelease, 'node' | 'capabilities' | 'lacks'>>;

export interface Questions {
  readonly ask: AskBinary;
  /** Identity of what is asked. */
  readonly probe: Digest;
}

export interface Probing {
  readonly loaded: LoadedRecipe;
  /** Lock whose answers are kept. */
  readonly previous: Lock | undefined;
  readonly questions: Questions;
  readonly context: Context;
}

/**
 * Answers for the releases that the data does not speak of: newer ones, and all where the recipe says that its binaries
 * are of its own making. An answer of the same bytes to the same questions is kept. One cell of each base is tried, the
 * smallest first, until the binary starts.
 */
export async function probeReleases(
  draft: Lock,
  { loaded, previous, questions, context }: Probing,
): Promise<Map<string, Acquired<ProbedRelease>>> {
  const probed = new Map<string, Acquired<ProbedRelease>>();
  const isAsked = (release: string): boolean => loaded.recipe.node.probe === 'always' || !isInData(release);
  for (const release of new Set(draft.cells.map((cell) => cell.release))) {
    if (!isAsked(release)) continue;
    const cells = draft.cells.filter((cell) => cell.release === release);
    const binaries = new Set(cells.flatMap(({ platforms }) => platforms.map(({ node }) => node)));
    const known = previous?.probed?.find(
      ({ release: asked, node, probe }) => asked === release && binaries.has(node) && probe === questions.probe,
    );
    probed.set(
      release,
      known ? { kind: 'found', value: known } : await askFirst(draft, { release, cells, questions, context }),
    );
  }
  return probed;
}

interface Asked {
  readonly release: string;
  readonly cells: readonly LockedCell[];
  readonly questions: Questions;
  readonly context: Context;
}

async function askFirst(draft: Lock, { release, cells, questions, context }: Asked): Promise<Acquired<ProbedRelease>> {
  const order = ['runtime', 'slim', 'build'];
  const sizes = [...cells].sort((a, b) => order.indexOf(a.variant) - order.indexOf(b.variant));
  const perBase = [...new Map(sizes.toReversed().map((cell) => [cell.base, cell])).values()].toReversed();
  const problems: string[] = [];
  for (const cell of perBase) {
    const answer = await settled(async () => await questions.ask(draft, cell));
    if (answer.kind === 'found') {
      const { node, capabilities, lacks } = answer.value;
      context.report({ kind: 'notice', text: `Node.js ${release}: ${describeAnswer(release, answer.value)}` });
      return {
        kind: 'found',
        value: {
          release,
          node,
          probe: questions.probe,
          capabilities: [...capabilities].sort(),
          ...(lacks ? { lacks } : {}),
        },
      };
    }
    problems.push(`on ${cell.base}: ${answer.failure.message}`);
  }
  return {
    kind: 'failed',
    failure: new Failure(
      'BASE_UNUSABLE',
      `Node.js ${release} is not in the data on releases and was to be asked what it can do: ${problems.join('; ')}`,
      {
        hint: 'make it run here (a runtime, a base that it starts on), or take a release that the data speaks of; then run `nodeworthy lock`',
      },
    ),
  };
}

function describeAnswer(
  release: string,
  { capabilities, lacks }: Pick<ProbedRelease, 'capabilities' | 'lacks'>,
): string {
  const line = capabilitiesOf(release);
  const more = capabilities.filter((name) => !line.has(name));
  const less = [...line].filter((name) => isProbed(name) && !capabilities.includes(name));
  const differences = [
    ...(more.length > 0 ? [`beyond it ${more.join(', ')}`] : []),
    ...(less.length > 0 ? [`without ${less.join(', ')}`] : []),
    ...(lacks && lacks.modules.length > 0 ? [`without the module ${lacks.modules.join(', ')}`] : []),
    ...(lacks && lacks.globals.length > 0 ? [`without the global ${lacks.globals.join(', ')}`] : []),
  ];
  return `its binary was asked what it can do, and the answer is in the lock: ${differences.length > 0 ? `unlike what the data says of its line, ${differences.join('; ')}` : 'what the data says of its line'}`;
}
