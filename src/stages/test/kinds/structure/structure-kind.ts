import { namesSecret } from '../../../../config/find-secret.ts';
import { canonicalJson } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import {
  readStructureTest,
  type ContainerRunOptions,
  type StructureTest,
} from '../../../../formats/structure-test/read-structure-test.ts';
import type { CaseOutcome, TestJob, TestTarget } from '../../suite.ts';
import { peekTestText, requireTestText } from '../test-files.ts';
import { clientSuite, nameOf, type TestKind } from '../test-kind.ts';
import { lookAtBound, readNamedFile, type FromMachine, type Place } from './bound-files.ts';
import { checkFileContent, checkFileExistence, checkLicenses, checkMetadata } from './check-image.ts';
import { runCommandTest } from './run-command-test.ts';

export const structureKind: TestKind = {
  name: 'structure',
  summary: 'A file of container-structure-test, schema 2.0.0',
  async recognises(path, root) {
    const text = /\.(?:ya?ml|json)$/.test(path) ? await peekTestText(root, path) : undefined;
    return text !== undefined && /(?:^|[{,])\s*["']?schemaVersion["']?\s*:/im.test(text);
  },
  async load({ path, shownPath, name, settings, env, root }) {
    const test = readStructureTest(await requireTestText(root, path), shownPath);
    const machine = await readMachine(test.containerRunOptions, { env, place: { root, shown: shownPath } });
    const jobs = toJobs(test, machine, settings.stepTimeoutMs);
    if (jobs.length === 0)
      throw new Failure('RECIPE_INVALID', `${shownPath} holds no test`, {
        hint: 'add commandTests, fileExistenceTests, fileContentTests, metadataTest or licenseTests',
      });
    const values = test.containerRunOptions.envVars.map((variable) => [variable, digestOf(env[variable] ?? '')]);
    const taken = { file: digestOf(machine.file), values, mounted: machine.binds.map(({ digest: bound }) => bound) };
    const digest = digestOf(canonicalJson({ test, machine: taken, hosts: settings.hosts }));
    return { suite: clientSuite(name ?? nameOf(path), 'structure', digest), settings, jobs };
  },
};

/** It decides what is tested as well. */
async function readMachine(
  { envFile, envVars, bindMounts }: ContainerRunOptions,
  { env, place }: { readonly env: Readonly<Record<string, string | undefined>>; readonly place: Place },
): Promise<FromMachine> {
  const secret = envVars.find((name) => isOurs(name) || namesSecret(name, env[name] ?? ''));
  if (secret !== undefined)
    throw new Failure('RECIPE_INVALID', `${place.shown}: ${secret} in envVars is a secret, by its name`, {
      hint: 'whoever writes a test could print it; give tests values of their own',
    });
  const file = envFile === '' ? '' : await readNamedFile(envFile, 'envFile', place);
  return { place, file, binds: await Promise.all(bindMounts.map((spec) => lookAtBound(spec, place))) };
}

/** What unlocks our keys is for us alone. */
function isOurs(name: string): boolean {
  return /^NODEWORTHY_(?:PASSPHRASE|SIGNER_TOKEN|IDENTITY_TOKEN|SEAL_KEY)/.test(name);
}

/** In the order of container-structure-test; each case stands for itself. */
function toJobs(test: StructureTest, machine: FromMachine, stepTimeoutMs: number): TestJob[] {
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
        runCommandTest(target, { id, command, test, machine, stepTimeoutMs }),
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
