import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join, posix, relative, resolve } from 'node:path';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { parseTestDockerfile, type TestInstruction } from '../../formats/dockerfile/parse-dockerfile.ts';
import type { Environment, LayerFile, Runtime, RunResult } from '../../runtimes/runtime.ts';
import { assertionOf } from './assertion-text.ts';
import type { Suite, TestCase } from './report.ts';

/** A test of the recipe's owner: a Dockerfile without FROM, read and with its context's digest. */
export interface DockerfileTest {
  readonly suite: Suite;
  readonly folder: string;
  readonly instructions: readonly TestInstruction[];
}

const stepTimeoutMs = 300_000;
const maxFileBytes = 256 << 20;

/** @param path folder with a Dockerfile, or the file; relative to `root` */
export async function loadDockerfileTest(
  root: string,
  options: { readonly dockerfile: string; readonly name?: string },
): Promise<DockerfileTest> {
  const named = resolve(root, options.dockerfile);
  const stats = await lstat(named).catch(() => undefined);
  const file = stats?.isDirectory() ? join(named, 'Dockerfile') : named;
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure('RECIPE_INVALID', `tests: there is no Dockerfile at ${options.dockerfile}`, {
      hint: 'name a folder with a Dockerfile, relative to the recipe',
      cause: error,
    });
  });
  const folder = dirname(file);
  const instructions = parseTestDockerfile(text, relative(root, file) || basename(file));
  if (!instructions.some((instruction) => instruction.kind === 'run')) {
    throw new Failure('RECIPE_INVALID', `tests: ${options.dockerfile} has no RUN, so it could not fail`, {
      hint: 'add a RUN that exits non-zero when the image is wrong',
    });
  }
  const files: unknown[] = [];
  for (const instruction of instructions)
    if (instruction.kind === 'copy') files.push(await describeCopy(folder, instruction));
  const digest = digestOf(canonicalJson({ instructions: instructions.map(({ text: words }) => words), files }));
  return { suite: { id: options.name ?? basename(folder), origin: 'client', digest }, folder, instructions };
}

async function describeCopy(folder: string, instruction: TestInstruction & { kind: 'copy' }): Promise<unknown> {
  const files = await collectFiles(folder, instruction, { workingDirectory: '/' });
  return files.map((file) => [
    file.path,
    file.kind,
    file.mode,
    file.uid,
    file.gid,
    digestOf(file.bytes ?? file.target ?? ''),
  ]);
}

/** Builds the instructions as layers on the candidate; the first one that fails ends the test. */
export async function runDockerfileTest(
  runtime: Runtime,
  base: Environment,
  options: { readonly test: DockerfileTest; readonly signal: AbortSignal },
): Promise<TestCase> {
  const { test, signal } = options;
  const started = performance.now();
  const output: string[] = [];
  const problems: string[] = [];
  let environment = base;
  const made: Environment[] = [];
  let state = {
    workingDirectory: base.config.config?.WorkingDir || '/',
    user: base.config.config?.User ?? '',
    env: {} as Record<string, string>,
  };
  let last: RunResult | undefined;
  try {
    for (const instruction of test.instructions) {
      output.push(`> ${instruction.text}\n`);
      switch (instruction.kind) {
        case 'workdir': {
          const path = posix.resolve(state.workingDirectory, instruction.path);
          state = { ...state, workingDirectory: path };
          environment = await runtime.addLayer(environment, [
            { path: path.slice(1) || '.', kind: 'directory', mode: 0o755, uid: 0, gid: 0 },
          ]);
          made.push(environment);
          break;
        }
        case 'env':
          state = { ...state, env: { ...state.env, ...instruction.variables } };
          break;
        case 'user':
          state = { ...state, user: instruction.user };
          break;
        case 'copy':
          environment = await runtime.addLayer(environment, await collectFiles(test.folder, instruction, state));
          made.push(environment);
          break;
        case 'run': {
          const request = {
            args: instruction.args,
            env: state.env,
            user: state.user,
            workingDirectory: state.workingDirectory,
            timeoutMs: stepTimeoutMs,
            keepChanges: true,
          };
          const outcome = await runtime.run(environment, request, signal);
          environment = outcome.environment;
          made.push(environment);
          last = outcome.result;
          output.push(last.stdout, last.stderr);
          if (last.timedOut) problems.push(`line ${instruction.line}: did not end within ${stepTimeoutMs / 1000} s`);
          else if (last.exitCode !== 0)
            problems.push(`line ${instruction.line}: exit code ${last.exitCode}: ${assertionOf(last.stderr)}`);
          break;
        }
      }
      if (problems.length > 0) break;
    }
  } finally {
    for (const environmentMade of made) await runtime.dispose(environmentMade);
  }
  return {
    id: test.suite.id,
    suite: test.suite.id,
    result: problems.length === 0 ? 'passed' : 'failed',
    durationMs: Math.round(performance.now() - started),
    exitCode: last?.exitCode ?? null,
    problems,
    output: output.join('').slice(0, 65_536),
    droppedBytes: last?.droppedBytes ?? 0,
    layer: test.suite.digest,
  };
}

async function collectFiles(
  folder: string,
  instruction: TestInstruction & { kind: 'copy' },
  state: { readonly workingDirectory: string },
): Promise<LayerFile[]> {
  const files: LayerFile[] = [];
  const target = posix.resolve(state.workingDirectory, instruction.target);
  const intoFolder = instruction.target.endsWith('/') || instruction.sources.length > 1 || instruction.target === '.';
  for (const source of instruction.sources) {
    const path = resolve(folder, source.replace(/^\/+/, ''));
    if (relative(folder, path).startsWith('..'))
      throw new Failure('RECIPE_INVALID', `${instruction.text}: ${source} lies outside of the test's folder`, {
        hint: 'put the file beside the Dockerfile',
      });
    const stats = await lstat(path).catch(() => undefined);
    if (!stats)
      throw new Failure('RECIPE_INVALID', `${instruction.text}: ${source} does not exist`, {
        hint: 'paths are relative to the Dockerfile',
      });
    if (stats.isDirectory()) await addFolder(path, target);
    else await addFile(path, intoFolder ? posix.join(target, basename(path)) : target);
  }
  return files;

  async function addFolder(from: string, to: string): Promise<void> {
    for (const name of (await readdir(from)).sort(compareText)) {
      const stats = await lstat(join(from, name));
      if (stats.isDirectory()) {
        files.push({
          path: posix.join(to, name).slice(1),
          kind: 'directory',
          mode: instruction.mode ?? 0o755,
          ...owner(),
        });
        await addFolder(join(from, name), posix.join(to, name));
      } else await addFile(join(from, name), posix.join(to, name));
    }
  }

  async function addFile(from: string, to: string): Promise<void> {
    const stats = await lstat(from);
    if (stats.isSymbolicLink()) {
      files.push({ path: to.slice(1), kind: 'symlink', mode: 0o777, ...owner(), target: await readlink(from) });
      return;
    }
    if (stats.size > maxFileBytes) throw new Failure('RECIPE_INVALID', `${from} is larger than ${maxFileBytes} bytes`);
    // Only the executable bit is meant; the rest is the umask of whoever checked it out.
    files.push({
      path: to.slice(1),
      kind: 'file',
      mode: instruction.mode ?? ((stats.mode & 0o100) !== 0 ? 0o755 : 0o644),
      ...owner(),
      bytes: await readFile(from),
    });
  }

  function owner(): { uid: number; gid: number } {
    return instruction.owner ?? { uid: 0, gid: 0 };
  }
}
