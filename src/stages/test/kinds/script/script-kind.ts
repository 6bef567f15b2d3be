import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { canonicalJson } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { runProgram } from '../../run-program.ts';
import { lookAtTest, readTestFile } from '../test-files.ts';
import { clientSuite, nameOf, type TestKind } from '../test-kind.ts';

/** A program may be one that somebody compiled. */
const maxBytes = 256 << 20;
const nodeScript = /\.[mc]?[jt]s$/;

export const scriptKind: TestKind = {
  name: 'script',
  summary: 'An executable, or a file for node or its test runner: its exit code, and its TAP or JUnit output as cases',
  async recognises(path, root) {
    if ((await lookAtTest(root, path)) !== 'file') return false;
    const stats = await stat(path);
    return nodeScript.test(path) || path.endsWith('.sh') || (stats.mode & 0o111) !== 0;
  },
  async load({ path, name, settings, root }) {
    const bytes = (await readTestFile(root, path, maxBytes)) ?? Buffer.alloc(0);
    const id = name ?? nameOf(path);
    const file = `/nodeworthy-test/${basename(path)}`;
    const isTest = /\.test\.[mc]?[jt]s$/.test(path);
    const args = nodeScript.test(path)
      ? ['node', ...(isTest ? ['--test', '--test-reporter=tap'] : []), file]
      : isExecutable(bytes)
        ? [file]
        : ['/bin/sh', file];
    const layer = [{ path: file.slice(1), kind: 'file', mode: 0o755, uid: 0, gid: 0, bytes } as const];
    const digest = digestOf(canonicalJson({ bytes: digestOf(bytes), args, hosts: settings.hosts }));
    return {
      suite: clientSuite(id, 'script', digest),
      settings,
      jobs: [
        {
          ids: [id],
          run: (target) =>
            runProgram(target, {
              id,
              layer,
              request: { args, hosts: settings.hosts, timeoutMs: settings.stepTimeoutMs },
            }),
        },
      ],
    };
  },
};

/** A program for the kernel, or a script that names its own. */
function isExecutable(bytes: Buffer): boolean {
  return bytes.subarray(0, 2).toString('latin1') === '#!' || bytes.subarray(0, 4).toString('hex') === '7f454c46';
}
