// Every kind of test on one image of somebody else, with the same results in each runtime, and proof that it stays as it was.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.ts';
import { startDocker, startPodman, type Daemon } from './support/daemons.ts';
import { makeShellImage } from './support/shell-image.ts';
import { temporaryFolder } from './support/workspace.ts';

const cases = resolve(import.meta.dirname, 'cases');
let image: string;
let docker: Daemon;
let podman: Daemon;
beforeAll(async () => {
  [image, docker, podman] = await Promise.all([makeShellImage(), startDocker(), startPodman()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([docker.stop(), podman.stop()]);
});

interface Tested {
  readonly passed: number;
  readonly failed: number;
  readonly flaky: number;
  readonly digest: string;
  readonly runtime: { readonly name: string };
  readonly cases: readonly { name: string; suite: string; result: string; attempts: number; problems: string[] }[];
}

/** Digest of everything in a layout: names, contents and links. */
function layoutDigest(reference: string): string {
  const folder = reference.replace(/^oci:/, '').replace(/:app$/, '');
  const script = 'find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum';
  return execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' });
}

const failing: Readonly<Record<string, RegExp>> = {
  'Command Test: a wrong expectation': /Expected string 'something' not found in output ''/,
  'Command Test: a wrong pattern': /Invalid regular expression/,
  'File Existence Test: missing': /File \/none should exist but does not/,
  'File Content Test: a folder': /is a directory/,
  reported: /exit code 1: 1 of 3 tests failed/,
  'reported > group > wrong': /not the same/,
  junit: /exit code 1: 1 of 2 tests failed/,
  'junit > s > bad': /wrong & bad/,
  'expects what does not come': /did not come within 1 s/,
  'ends with another code': /exit code 9, expected 0/,
};

describe.each([
  ['runc', () => ({})],
  ['docker', () => ({ DOCKER_HOST: docker.address })],
  ['podman', () => ({ CONTAINER_HOST: podman.address })],
])('with %s', (name, env) => {
  it('each kind gives the results that it should, and the image stays as it was', { timeout: 300_000 }, async () => {
    const cwd = await temporaryFolder();
    const before = layoutDigest(image);
    const tested = await runCli(['test', image, '--with', cases, '--runtime', name, '--json', '--quiet'], {
      cwd,
      env: { ...env(), NODEWORTHY_CASE: 'from the machine' },
    });
    expect(tested.exitCode, tested.stderr).toBe(4);
    const result = JSON.parse(tested.stdout) as Tested;
    expect(result.runtime.name).toBe(name);
    const wrong = result.cases.filter((item) => (item.result === 'failed') !== item.name in failing);
    expect(wrong).toEqual([]);
    for (const [id, problem] of Object.entries(failing))
      expect(result.cases.find((item) => item.name === id)?.problems.join(), id).toMatch(problem);
    expect(new Set(result.cases.map(({ suite }) => suite))).toEqual(
      new Set(['application', 'dockerfile', 'junit', 'options', 'reported', 'runs', 'structure']),
    );
    expect(result).toMatchObject({ failed: Object.keys(failing).length, flaky: 0 });
    expect(result.passed).toBe(result.cases.length - result.failed);
    expect(result.cases).toHaveLength(38);
    expect(layoutDigest(image)).toBe(before);
  });
});

it('leaves nothing in the engines', async () => {
  const images = execFileSync('/usr/bin/docker', ['images', '--all', '--quiet'], {
    env: { ...process.env, DOCKER_HOST: docker.address },
    encoding: 'utf8',
  });
  const containers = execFileSync('/usr/bin/docker', ['ps', '--all', '--quiet'], {
    env: { ...process.env, DOCKER_HOST: docker.address },
    encoding: 'utf8',
  });
  expect(images + containers).toBe('');
  expect(await fetchPodman('/libpod/containers/json?all=true')).toEqual([]);
  expect(await fetchPodman('/libpod/images/json?all=true')).toEqual([]);
});

async function fetchPodman(path: string): Promise<unknown> {
  const socket = podman.address.replace('unix://', '');
  const text = execFileSync('curl', ['--silent', '--unix-socket', socket, `http://d/v4.0.0${path}`], {
    encoding: 'utf8',
  });
  return JSON.parse(text) ?? [];
}
