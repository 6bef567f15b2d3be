import { parseEnv } from 'node:util';
import { imageEnv } from '../../../../formats/oci/image-env.ts';
import { expandGo, findsPattern } from '../../../../formats/structure-test/go-text.ts';
import type {
  CommandTest,
  ContainerRunOptions,
  StructureTest,
} from '../../../../formats/structure-test/read-structure-test.ts';
import type { Environment, LayerChanges, RunRequest } from '../../../../runtimes/runtime.ts';
import { cutOutput } from '../../assertion-text.ts';
import { layerKey, type TestStep } from '../../layer-cache.ts';
import type { CaseOutcome, TestTarget } from '../../suite.ts';
import { copyBound, type FromMachine } from './bound-files.ts';
import { globalEnv } from './global-env.ts';

interface Running {
  readonly id: string;
  readonly command: CommandTest;
  readonly test: StructureTest;
  readonly machine: FromMachine;
  readonly stepTimeoutMs: number;
}

/**
 * A command test as container-structure-test runs it: each step of the setup is a layer whose variables stay, its exit
 * code means nothing; the command replaces the entrypoint, and variables in it are those of the image, not the test's.
 */
export async function runCommandTest(
  target: TestTarget,
  { id, command, test, machine, stepTimeoutMs }: Running,
): Promise<CaseOutcome> {
  const started = performance.now();
  const { runtime, context, cache } = target;
  const layers: LayerChanges[] = [];
  const steps: TestStep[] = [];
  const output: string[] = [];
  const invalid = validate(command);
  if (invalid.length > 0)
    return { id, problems: invalid, durationMs: 0, exitCode: null, output: '', droppedBytes: 0, layers: [] };
  let env = globalEnv(imageEnv(target.environment.config), test);
  let environment: Environment = target.environment;
  let key = layerKey(target.subject, [runtime.name, target.platform, 'structure']);
  const request = {
    capabilities: 'default',
    timeoutMs: stepTimeoutMs,
    keepChanges: runtime.layers !== undefined,
  } as const;

  async function run(text: string, asked: Omit<RunRequest, 'timeoutMs'>) {
    const { result, environment: after } = await runtime.run(environment, { ...request, ...asked }, context.signal);
    key = layerKey(key, [text, asked.env]);
    const changes = result.changes ?? (await runtime.describeLayer(after));
    layers.push(changes);
    if (runtime.layers || asked.keepChanges)
      steps.push({
        key,
        text,
        environment: after,
        output: result.stdout + result.stderr,
        changes: Promise.resolve(changes),
        isFound: false,
      });
    environment = after;
    return result;
  }

  // What is cut short by somebody is no failure, and nothing of it is kept.
  let failed = false;
  try {
    for (const step of command.setup) {
      const setupEnv = Object.fromEntries(
        command.envVars.map(({ key: name, value }) => [name, expandGo(value, (other) => env[other])]),
      );
      // Words of the setup are not expanded, those of the command are.
      const args = step;
      output.push(`> ${args.join(' ')}\n`);
      const done = await run(`setup ${args.join(' ')}`, { args, env: { ...env, ...setupEnv }, keepChanges: true });
      output.push(done.stdout, done.stderr);
      const cutShort = done.timedOut ? `did not end within ${stepTimeoutMs / 1000} s` : done.stopped;
      if (cutShort !== undefined) {
        failed = true;
        return {
          id,
          problems: [`setup ${args.join(' ')}: ${cutShort}`],
          durationMs: performance.now() - started,
          exitCode: done.exitCode,
          output: output.join(''),
          droppedBytes: done.droppedBytes,
          layers,
        };
      }
      // Each step is committed, and its variables with it.
      env = { ...env, ...setupEnv };
    }
    const args = [command.command, ...command.args].map((word) => expandGo(word, (name) => env[name]));
    const own = Object.fromEntries(command.envVars.map(({ key: name, value }) => [name, value]));
    const options = await readOptions(target, test.containerRunOptions, machine);
    output.push(`> ${args.join(' ')}\n`);
    const result = await run(args.join(' '), { args, env: { ...env, ...(options.env ?? own) }, ...options.request });
    output.push(result.stdout, result.stderr);
    const problems = judge(command, result);
    if (result.timedOut) problems.push(`did not end within ${stepTimeoutMs / 1000} s`);
    if (result.stopped !== undefined) problems.push(result.stopped);
    if (result.droppedBytes > 0 && command.excludedOutput.length + command.excludedError.length > 0)
      problems.push(cutOutput(result.droppedBytes));
    failed = problems.length > 0;
    return {
      id,
      problems,
      durationMs: performance.now() - started,
      exitCode: result.exitCode,
      output: output.join(''),
      droppedBytes: result.droppedBytes,
      ...(result.resources ? { resources: result.resources } : {}),
      layers,
    };
  } finally {
    await cache.settle(runtime, { id, steps, failed });
  }
}

function validate({ name, command, setup, envVars }: CommandTest): string[] {
  return [
    ...(name === '' ? ['Please provide a valid name for every test'] : []),
    ...(command === '' ? [`Please provide a valid command to run for test ${name}`] : []),
    ...(setup.some((step) => step.length === 0)
      ? ['Error in setup command configuration encountered; please check formatting and remove all empty commands']
      : []),
    ...envVars
      .filter(({ key, value }) => key === '' || value === '')
      .map(() => 'Please provide non-empty keys and values for all specified env vars'),
  ];
}

type Judged = { readonly stdout: string; readonly stderr: string; readonly exitCode: number | null };

/** In the order, and with the words, of container-structure-test. */
function judge(command: CommandTest, { stdout, stderr, exitCode }: Judged): string[] {
  const problems: string[] = [];
  function look(patterns: readonly string[], text: string, where: 'output' | 'error', isWanted: boolean): void {
    for (const pattern of patterns) {
      const found = findsPattern(pattern, text);
      if (found === undefined) problems.push(`Invalid regular expression '${pattern}'`);
      else if (found !== isWanted)
        problems.push(
          `${isWanted ? 'Expected' : 'Excluded'} string '${pattern}' ${isWanted ? 'not ' : ''}found in ${where} '${text}'`,
        );
    }
  }
  look(command.expectedError, stderr, 'error', true);
  look(command.excludedError, stderr, 'error', false);
  look(command.expectedOutput, stdout, 'output', true);
  look(command.excludedOutput, stdout, 'output', false);
  if (exitCode !== command.exitCode)
    problems.push(
      `Test '${command.name}' exited with incorrect error code. Expected: ${command.exitCode}, Actual: ${exitCode}`,
    );
  return problems;
}

/** Options take the place of the test's own variables, as soon as one of them is set. */
async function readOptions(
  target: TestTarget,
  options: ContainerRunOptions,
  { place, file, binds: bound }: FromMachine,
): Promise<{ readonly env?: Record<string, string>; readonly request: Partial<RunRequest> }> {
  const isSet = Object.values(options).some(
    (value) => value !== '' && value !== false && (!Array.isArray(value) || value.length > 0),
  );
  if (!isSet) return { request: {} };
  const { env } = target.context;
  const fromFile = Object.entries(parseEnv(file)).filter(([, value]) => value !== undefined && value !== '');
  const fromMachine = options.envVars.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  // What one attempt writes is there for the next, as it would be on the machine, and for nobody afterwards.
  const binds = await Promise.all(
    bound.map(async (files) => ({
      source: await target.sharedFolder(`${files.source} ${files.digest}`, (to) => copyBound(files, place, to)),
      target: files.target,
      readOnly: files.readOnly,
    })),
  );
  return {
    env: Object.fromEntries([...fromFile, ...fromMachine]) as Record<string, string>,
    request: {
      ...(options.user === '' ? {} : { user: options.user }),
      ...(options.allocateTty ? { terminal: true } : {}),
      ...(options.privileged
        ? { capabilities: 'all' }
        : options.capabilities.length > 0
          ? { capabilities: options.capabilities }
          : {}),
      ...(binds.length > 0 ? { binds } : {}),
    },
  };
}
