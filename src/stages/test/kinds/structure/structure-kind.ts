import { lstat, readFile, readdir, readlink, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canonicalJson, compareText } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import {
  readStructureTest,
  type ContainerRunOptions,
  type StructureTest,
} from '../../../../formats/structure-test/read-structure-test.ts';
import type { CaseOutcome, TestJob, TestTarget } from '../../suite.ts';
import { clientSuite, nameOf, type TestKind } from '../test-kind.ts';
import { checkFileContent, checkFileExistence, checkLicenses, checkMetadata } from './check-image.ts';
import { runCommandTest } from './run-command-test.ts';

export const structureKind: TestKind = {
  name: 'structure',
  summary: 'A file of container-structure-test, schema 2.0.0',
  async recognises(path) {
    if (!/\.(?:ya?ml|json)$/.test(path) || !(await stat(path).catch(() => undefined))?.isFile()) return false;
    return /(?:^|[{,])\s*["']?schemaVersion["']?\s*:/im.test(await readFile(path, 'utf8'));
  },
  async load({ path, shownPath, name, settings, env }) {
    const test = readStructureTest(await readFile(path, 'utf8'), shownPath);
    const jobs = toJobs(test, settings.stepTimeoutMs);
    if (jobs.length === 0)
      throw new Failure('RECIPE_INVALID', `${shownPath} holds no test`, {
        hint: 'add commandTests, fileExistenceTests, fileContentTests, metadataTest or licenseTests',
      });
    const machine = await describeMachine(test.containerRunOptions, { env, shown: shownPath });
    const digest = digestOf(canonicalJson({ test, machine, hosts: settings.hosts }));
    return { suite: clientSuite(name ?? nameOf(path), 'structure', digest), settings, jobs };
  },
};

/** What the options take from this machine decides what is tested as well. */
async function describeMachine(
  { envFile, envVars, bindMounts }: ContainerRunOptions,
  { env, shown }: { readonly env: Readonly<Record<string, string | undefined>>; readonly shown: string },
): Promise<unknown> {
  const file =
    envFile === ''
      ? ''
      : await readFile(envFile, 'utf8').catch((error: unknown) => {
          throw new Failure('RECIPE_INVALID', `${shown}: the envFile ${envFile} cannot be read`, {
            hint: 'its path is relative to the working folder',
            cause: error,
          });
        });
  const values = envVars.map((variable) => [variable, digestOf(env[variable] ?? '')]);
  const sources = bindMounts.map((spec) => resolve(spec.split(':')[0] ?? ''));
  const mounted = await Promise.all(sources.map((source) => digestPath(source, shown)));
  return { file: digestOf(file), values, mounted };
}

const maxMountedFiles = 10_000;

async function digestPath(path: string, shown: string): Promise<string> {
  const seen: unknown[] = [];
  async function visit(at: string): Promise<void> {
    const stats = await lstat(at).catch(() => undefined);
    if (!stats) return void seen.push([at, 'none']);
    if (seen.length > maxMountedFiles)
      throw new Failure('RECIPE_INVALID', `${shown}: ${path} in bindMounts has more than ${maxMountedFiles} files`, {
        hint: 'mount what the test needs: a result is about exactly these files',
      });
    if (stats.isDirectory()) for (const name of (await readdir(at)).sort(compareText)) await visit(join(at, name));
    else if (stats.isFile()) seen.push([at, stats.mode, digestOf(await readFile(at))]);
    else seen.push([at, stats.isSymbolicLink() ? await readlink(at) : 'special']);
  }
  await visit(path);
  return digestOf(canonicalJson(seen));
}

/** In the order of container-structure-test; each case stands for itself. */
function toJobs(test: StructureTest, stepTimeoutMs: number): TestJob[] {
  const seen = new Map<string, number>();
  function job(title: string, check: (target: TestTarget, id: string) => Promise<CaseOutcome>): TestJob {
    const count = (seen.get(title) ?? 0) + 1;
    seen.set(title, count);
    const id = count === 1 ? title : `${title} (${count})`;
    return { ids: [id], run: async (target) => [await check(target, id)] };
  }
  const { metadataTest } = test;
  return [
    ...test.commandTests.map((command) =>
      job(`Command Test: ${command.name}`, (target, id) =>
        runCommandTest(target, { id, command, test, stepTimeoutMs }),
      ),
    ),
    ...test.fileContentTests.map((file) =>
      job(`File Content Test: ${file.name}`, (target, id) => looked(id, checkFileContent(target, file))),
    ),
    ...test.fileExistenceTests.map((file) =>
      job(`File Existence Test: ${file.name}`, (target, id) => looked(id, checkFileExistence(target, file, test))),
    ),
    ...test.licenseTests.map((license) =>
      job('License Test', (target, id) => looked(id, checkLicenses(target, license))),
    ),
    ...(metadataTest ? [job('Metadata Test', (target, id) => looked(id, checkMetadata(target, metadataTest)))] : []),
  ];
}

/** A check that needs no container. */
async function looked(id: string, check: Promise<readonly string[]>): Promise<CaseOutcome> {
  const started = performance.now();
  const problems = await check;
  const durationMs = performance.now() - started;
  return { id, problems, durationMs, exitCode: null, output: '', droppedBytes: 0, layers: [] };
}
