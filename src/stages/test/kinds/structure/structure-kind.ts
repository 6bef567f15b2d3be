import { readFile, stat } from 'node:fs/promises';
import { canonicalJson } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import { readStructureTest, type StructureTest } from '../../../../formats/structure-test/read-structure-test.ts';
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
  async load({ path, shownPath, name, settings }) {
    const test = readStructureTest(await readFile(path, 'utf8'), shownPath);
    const jobs = toJobs(test, settings.stepTimeoutMs);
    if (jobs.length === 0)
      throw new Failure('RECIPE_INVALID', `${shownPath} holds no test`, {
        hint: 'add commandTests, fileExistenceTests, fileContentTests, metadataTest or licenseTests',
      });
    const digest = digestOf(canonicalJson({ test, hosts: settings.hosts }));
    return { suite: clientSuite(name ?? nameOf(path), 'structure', digest), settings, jobs };
  },
};

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
