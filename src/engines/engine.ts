import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { exec, type ExecResult } from '../core/exec.ts';
import { Failure } from '../core/errors.ts';
import { engines, type EngineName } from './engines.ts';

export interface DockerfileBuild {
  readonly dockerfile: string;
  /** Build context. */
  readonly folder: string;
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Name the image has while it is built and saved. */
  readonly tag: string;
  /** Folder for the archive. */
  readonly target: string;
}

export interface EngineContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const timeoutMs = 3_600_000;

/**
 * The engine that was asked for, or the first that answers.
 * @throws Failure ENGINE_MISSING with the reason for each
 */
export async function chooseEngine(wanted: EngineName | undefined, context: EngineContext): Promise<EngineName> {
  const candidates = wanted === undefined ? (Object.keys(engines) as EngineName[]) : [wanted];
  const reasons: string[] = [];
  for (const name of candidates) {
    const found = await exec(engines[name].program, engines[name].probe, { ...context, timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    if (found?.exitCode === 0) return name;
    reasons.push(`${name}: ${found ? lastLine(found) : 'not installed'}`);
  }
  throw new Failure('ENGINE_MISSING', `no engine can build a Dockerfile here (${reasons.join('; ')})`, {
    hint: 'install and start docker, podman or buildah, or name another with images.engine',
  });
}

/**
 * Builds a Dockerfile and saves the result as a docker archive; nothing is left in the engine.
 * @returns the archive's path
 * @throws Failure DOCKERFILE_FAILED with the engine's last words
 */
export async function buildDockerfile(
  name: EngineName,
  build: DockerfileBuild,
  context: EngineContext,
): Promise<string> {
  const engine = engines[name];
  const archive = join(build.target, 'image.tar');
  const run = async (args: readonly string[], what: string): Promise<void> => {
    const result = await exec(engine.program, args, { ...context, timeoutMs, maxOutputBytes: 4 << 20 });
    context.signal.throwIfAborted();
    if (result.exitCode === 0) return;
    throw new Failure('DOCKERFILE_FAILED', `${build.dockerfile}: ${what} failed with ${name}: ${lastLine(result)}`, {
      hint: `see it whole with: ${engine.program} ${args.join(' ')}`,
      details: { output: `${result.stdout}\n${result.stderr}`.split('\n').slice(-100) },
    });
  };
  const variables = Object.entries(build.buildArguments).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
  await run(engine.build({ ...build, variables }), 'the build');
  try {
    await run(engine.save(build.tag, archive), 'saving the image');
  } finally {
    await exec(engine.program, engine.remove(build.tag), { env: context.env, timeoutMs: 60_000 }).catch(() => {});
  }
  return archive;
}

function lastLine({ stdout, stderr }: ExecResult): string {
  const plain = stripVTControlCharacters(`${stdout}\n${stderr}`);
  const lines = plain.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-3).join(' | ');
}
