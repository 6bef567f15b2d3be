import { posix } from 'node:path';
import { tellOfLeftovers } from '../../collect-leftovers.ts';
import { Failure, isFailure } from '../../../../core/errors.ts';
import { WordError } from '../../../../formats/dockerfile/expand-words.ts';
import type {
  LayerInstruction,
  RunInstruction,
  TestDockerfile,
  TestInstruction,
} from '../../../../formats/dockerfile/parse-test-dockerfile.ts';
import { resolveUser } from '../../../../runtimes/resolve-user.ts';
import type { Bind, Environment, LayerChanges, RunResult } from '../../../../runtimes/runtime.ts';
import { assertionOf } from '../../assertion-text.ts';
import { layerKey, type LayerKey, type TestStep } from '../../layer-cache.ts';
import type { CaseOutcome, TestSettings, TestTarget } from '../../suite.ts';
import { ContextError, outsideOf, plainSource, type BuildContext } from './build-context.ts';
import { expanders, nextState, startState, type BuildState } from './build-state.ts';
import { openMountCopies, type MountCopies } from './mount-copy.ts';
import { copyFiles } from './copy-files.ts';

export interface LoadedDockerfile {
  readonly id: string;
  /** Path for messages. */
  readonly shown: string;
  readonly dockerfile: TestDockerfile;
  readonly context: BuildContext;
  readonly settings: TestSettings;
}

interface Progress {
  environment: Environment;
  state: BuildState;
  key: LayerKey;
  readonly steps: TestStep[];
  readonly output: string[];
  readonly problems: string[];
  cachedSteps: number;
  last: RunResult | undefined;
}

/** Builds the instructions as layers on the candidate; the first one that fails ends the test. */
export async function runDockerfile(target: TestTarget, test: LoadedDockerfile): Promise<CaseOutcome> {
  const started = performance.now();
  const { runtime, environment, subject, platform } = target;
  const { instructions, escape } = test.dockerfile;
  const progress: Progress = {
    environment,
    state: startState(environment.config),
    key: layerKey(subject, [runtime.name, platform]),
    steps: [],
    output: [],
    problems: [],
    cachedSteps: 0,
    last: undefined,
  };
  // What proves something is done each time; what leads up to it may be had from before.
  const proof = instructions.findLastIndex(({ kind }) => kind === 'run');
  try {
    for (const [index, instruction] of instructions.entries()) {
      progress.output.push(`> ${instruction.text}\n`);
      if (performance.now() - started > test.settings.timeoutMs) {
        progress.problems.push(
          `line ${instruction.line}: the test took longer than ${test.settings.timeoutMs / 1000} s`,
        );
        break;
      }
      try {
        await step(target, test, { progress, instruction, isProof: index === proof });
        progress.state = nextState(progress.state, instruction, {
          escape,
          given: test.settings.arguments,
          platform,
        });
      } catch (error) {
        if (isFailure(error, 'USAGE')) {
          progress.problems.push(`line ${instruction.line}: ${error.message}`);
          break;
        }
        const told = outsideOf(test.shown, instruction.line, error);
        if (told !== error) throw told;
        if (!(error instanceof WordError)) throw error;
        throw new Failure('RECIPE_INVALID', `${test.shown}:${instruction.line}: ${error.message}`, { cause: error });
      }
      if (progress.problems.length > 0) break;
    }
  } finally {
    await Promise.allSettled(progress.steps.map(({ changes }) => changes));
    await target.cache.settle(runtime, {
      id: test.id,
      steps: progress.steps,
      failed: progress.problems.length > 0,
      isSetup: true,
    });
  }
  return {
    id: test.id,
    problems: progress.problems,
    durationMs: performance.now() - started,
    exitCode: progress.last?.exitCode ?? null,
    output: progress.output.join(''),
    droppedBytes: progress.last?.droppedBytes ?? 0,
    ...(progress.last?.resources ? { resources: progress.last.resources } : {}),
    layers: (await Promise.all(progress.steps.map(({ changes }) => changes))).filter((held) => held !== undefined),
    ...(progress.cachedSteps > 0 ? { cachedSteps: progress.cachedSteps } : {}),
  };
}

interface Step {
  readonly progress: Progress;
  readonly instruction: TestInstruction;
  readonly isProof: boolean;
}

/** Does an instruction that makes a layer, or takes the layer of an earlier run. */
async function step(
  target: TestTarget,
  test: LoadedDockerfile,
  { progress, instruction, isProof }: Step,
): Promise<void> {
  const { runtime, cache } = target;
  if (instruction.kind !== 'run' && instruction.kind !== 'copy' && instruction.kind !== 'workdir') return;
  const identity = await identityOf(test, progress.state, instruction);
  const key = layerKey(progress.key, identity);
  const found = isProof ? undefined : await cache.find(runtime, progress.environment, key);
  progress.key = key;
  if (found) {
    progress.environment = found.environment;
    progress.output.push(found.output);
    progress.cachedSteps++;
    progress.steps.push({
      key,
      text: instruction.text,
      isFound: true,
      ...found,
      changes: Promise.resolve(found.changes),
    });
    return;
  }
  const made =
    instruction.kind === 'run'
      ? await run(target, test, { progress, instruction })
      : await addFiles(target, test, { progress, instruction });
  if (!made) return;
  progress.environment = made.environment;
  // What a failed step left is kept for whoever wants to look, and is never found as if it had succeeded.
  const shelf = progress.problems.length > 0 ? layerKey(key, 'failed') : key;
  progress.steps.push({ key: shelf, text: instruction.text, isFound: false, ...made, changes: describe() });

  /** Beside the next step: nobody changes the layer any more. */
  function describe(): Promise<LayerChanges> {
    const described = runtime.describeLayer(progress.environment);
    described.catch(() => {});
    return described;
  }
}

/** Everything that decides what an instruction makes, beside what it stands on. */
async function identityOf(
  { context, settings }: LoadedDockerfile,
  state: BuildState,
  instruction: { readonly line: number } & LayerInstruction,
): Promise<unknown> {
  const { line: _, ...words } = instruction;
  const sources =
    instruction.kind === 'copy'
      ? instruction.sources
      : instruction.kind === 'run'
        ? instruction.mounts.filter(({ type }) => type === 'bind').map(({ source }) => source)
        : [];
  const files: unknown[] = [];
  for (const source of sources)
    for (const { root, inside } of instruction.kind === 'run'
      ? [await context.findPlain(plainSource(source))]
      : await context.find(plainSource(source)))
      files.push(await context.describe([root, ...inside]));
  return { words, files, state, hosts: settings.hosts };
}

interface Made {
  readonly environment: Environment;
  readonly output: string;
}

async function addFiles(
  { runtime }: TestTarget,
  test: LoadedDockerfile,
  {
    progress,
    instruction,
  }: { readonly progress: Progress; readonly instruction: Exclude<LayerInstruction, RunInstruction> },
): Promise<Made | undefined> {
  const { environment, state } = progress;
  const { word, document } = expanders(state, test.dockerfile.escape);
  const files = [];
  if (instruction.kind === 'workdir') {
    const path = posix.resolve(state.workingDirectory, word(instruction.value));
    if (await runtime.isFolder(environment, path)) return undefined;
    files.push({ path: path.slice(1), kind: 'directory', mode: 0o755, uid: 0, gid: 0 } as const);
  } else {
    const owner =
      instruction.chown === undefined
        ? { uid: 0, gid: 0 }
        : await ownerOf(runtime, environment, word(instruction.chown));
    files.push(
      ...(await copyFiles(instruction, {
        context: test.context,
        workingDirectory: state.workingDirectory,
        owner,
        expand: word,
        expandDocument: document,
        isFolder: (path) => runtime.isFolder(environment, path),
      })),
    );
  }
  const added = await runtime.addLayer(environment, files);
  return { environment: added, output: '' };
}

async function ownerOf(
  runtime: TestTarget['runtime'],
  environment: Environment,
  chown: string,
): Promise<{ readonly uid: number; readonly gid: number }> {
  const [user = '', group] = chown.split(':');
  // Without a group the number of the user is meant, not its group in passwd (Dockerfile reference, "--chown").
  if (/^\d+$/.test(user) && (group === undefined || /^\d+$/.test(group)))
    return { uid: Number(user), gid: Number(group ?? user) };
  const read = async (name: string): Promise<string> =>
    (await runtime.readFile(environment, `etc/${name}`))?.toString('utf8') ?? '';
  const { uid, gid } = resolveUser(chown, { passwd: await read('passwd'), group: await read('group') });
  return { uid, gid };
}

async function run(
  target: TestTarget,
  test: LoadedDockerfile,
  run: { readonly progress: Progress; readonly instruction: { readonly line: number } & RunInstruction },
): Promise<Made | undefined> {
  const copies = await openMountCopies(target.store);
  try {
    return await runMounted(target, test, { ...run, copies });
  } finally {
    // What a container of an engine wrote may be another user's: the result stands all the same.
    await copies.remove().catch((error: unknown) => tellOfLeftovers(target.context, error));
  }
}

async function runMounted(
  { runtime, context }: TestTarget,
  test: LoadedDockerfile,
  {
    progress,
    instruction,
    copies,
  }: {
    readonly progress: Progress;
    readonly instruction: { readonly line: number } & RunInstruction;
    readonly copies: MountCopies;
  },
): Promise<Made | undefined> {
  const { state, environment } = progress;
  const { word } = expanders(state, test.dockerfile.escape);
  const binds: Bind[] = [];
  for (const mount of instruction.mounts) {
    if (mount.type !== 'bind') continue;
    const found = await test.context.findPlain(word(mount.source));
    if (found.root.kind === 'symlink') throw new ContextError(`${mount.source} is a link: name what it leads to`);
    binds.push({
      source: await copies.copy(test.context, found),
      target: posix.resolve(state.workingDirectory, word(mount.target)),
      // It is a copy: what is written there is gone with the instruction, as in a build.
      readOnly: mount.readOnly,
    });
  }
  const { result, environment: after } = await runtime.run(
    environment,
    {
      args: instruction.form === 'exec' ? instruction.args : [...state.shell, ...instruction.args],
      env: { ...state.args, ...state.env },
      user: state.user,
      workingDirectory: state.workingDirectory,
      // As a build has them: what a Dockerfile does works here too.
      capabilities: 'default',
      binds,
      tmpfs: instruction.mounts
        .filter(({ type }) => type !== 'bind')
        .map(({ target }) => posix.resolve(state.workingDirectory, word(target))),
      hosts: test.settings.hosts,
      ...(instruction.input === undefined ? {} : { input: Buffer.from(instruction.input) }),
      timeoutMs: test.settings.stepTimeoutMs,
      keepChanges: true,
    },
    context.signal,
  );
  progress.last = result;
  progress.output.push(result.stdout, result.stderr);
  const at = `line ${instruction.line}`;
  if (result.timedOut) progress.problems.push(`${at}: did not end within ${test.settings.stepTimeoutMs / 1000} s`);
  else if (result.stopped !== undefined) progress.problems.push(`${at}: ${result.stopped}`);
  else if (result.exitCode !== 0)
    progress.problems.push(`${at}: exit code ${result.exitCode}: ${assertionOf(result.stderr || result.stdout)}`);
  return { environment: after, output: result.stdout + result.stderr };
}
