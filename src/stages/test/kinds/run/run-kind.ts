import { dirname, posix, relative, resolve } from 'node:path';
import { reachOfHost } from '../../../../core/reach.ts';
import { readYaml } from '../../../../config/read-yaml.ts';
import { mapConcurrent } from '../../../../core/concurrency.ts';
import { canonicalJson } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure, isFailure } from '../../../../core/errors.ts';
import { pathExpression, PatternError } from '../../../../formats/dockerfile/path-patterns.ts';
import type { LayerFile } from '../../../../runtimes/runtime.ts';
import type { TestJob } from '../../suite.ts';
import { peekTestText, readTestFile, requireTestText } from '../test-files.ts';
import { clientSuite, nameOf, type TestKind } from '../test-kind.ts';
import { performRun } from './perform-run.ts';
import { RunFileSchema, type RunTest } from './run-schema.ts';

/** Of all files of a run together. */
const maxSourceBytes = 1 << 30;

export const runKind: TestKind = {
  name: 'run',
  summary: 'A YAML file with runs: containers that are started, asked, signalled and looked at',
  async recognises(path, root) {
    const text = /\.ya?ml$/.test(path) ? await peekTestText(root, path) : undefined;
    return text !== undefined && /^runs\s*:/m.test(text);
  },
  async load({ path, shownPath, name, settings, root }) {
    const { value, locate } = readYaml(await requireTestText(root, path), {
      file: shownPath,
      schema: RunFileSchema,
      what: 'file with runs',
      guide: 'docs/guides/tests.md',
    });
    const names = new Set<string>();
    const files: unknown[] = [];
    const jobs: TestJob[] = [];
    for (const [index, run] of value.runs.entries()) {
      const where = locate(['runs', index, 'name']);
      if (names.has(run.name))
        throw new Failure('RECIPE_INVALID', `${where}: there is another run with the name ${run.name}`);
      names.add(run.name);
      requirePatterns(run, where);
      const layer = await readFiles(run, { folder: dirname(path), where });
      files.push(layer.map(({ bytes, ...rest }) => [rest, digestOf(bytes ?? '')]));
      requireFarHosts(run, { allowed: settings.hosts, where });
      const { hosts } = settings;
      jobs.push({ ids: [run.name], run: async (target) => [await performRun(target, { run, layer, hosts })] });
    }
    const digest = digestOf(canonicalJson({ value, files, hosts: settings.hosts }));
    return { suite: clientSuite(name ?? nameOf(path), 'run', digest), settings, jobs };
  },
};

/**
 * Whoever writes a test does not choose what it reaches of this machine and of its network: that is the recipe's.
 * @throws Failure RECIPE_INVALID for such a host
 */
function requireFarHosts(
  { hosts }: RunTest,
  { allowed, where }: { readonly allowed: readonly string[]; readonly where: string },
): void {
  const near = hosts.find(
    (host) => !allowed.includes(host) && (reachOfHost(host.replace(/:\d+$/, '')) ?? 'public') !== 'public',
  );
  if (near === undefined) return;
  throw new Failure('RECIPE_INVALID', `${where}: ${near} is near this machine, and the recipe does not allow it`, {
    hint: 'name it under tests[].hosts in the recipe, when a test may reach it',
  });
}

/** @throws Failure RECIPE_INVALID for a pattern of paths that means nothing */
function requirePatterns({ expect }: RunTest, where: string): void {
  try {
    for (const pattern of expect.changes ?? []) pathExpression(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new Failure('RECIPE_INVALID', `${where}: changes: ${error.message}`, { cause: error });
  }
}

async function readFiles(
  { files }: RunTest,
  { folder, where }: { readonly folder: string; readonly where: string },
): Promise<LayerFile[]> {
  let left = maxSourceBytes;
  return await mapConcurrent(files, 1, async ({ path, source, content, mode }): Promise<LayerFile> => {
    const plain = {
      path: posix.resolve('/', path).slice(1),
      kind: 'file',
      uid: 0,
      gid: 0,
      mode: Number.parseInt(mode, 8),
    } as const;
    if (source === undefined) return { ...plain, bytes: Buffer.from(content ?? '') };
    const file = resolve(folder, source);
    if (relative(folder, file).startsWith('..'))
      throw new Failure('RECIPE_INVALID', `${where}: ${source} lies outside of the test's folder`, {
        hint: 'put the file beside the test',
      });
    const bytes = await readTestFile(folder, file, left).catch((error: unknown) => {
      throw isFailure(error)
        ? new Failure(error.code, `${where}: ${error.message}`, {
            hint: 'put the file beside the test',
            cause: error,
          })
        : error;
    });
    if (!bytes)
      throw new Failure('RECIPE_INVALID', `${where}: ${source} cannot be read`, {
        hint: 'sources are relative to the file with the runs',
      });
    left -= bytes.length;
    return { ...plain, bytes };
  });
}
