// Releases of lines past their end: certified for what they are, by the recipe's and somebody's word only.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.ts';
import { temporaryFolder } from './support/workspace.ts';
import type { Cells } from './support/certified.ts';

const releases = ['0.8.28', '0.10.48', '0.12.18', '4.0.0', '8.0.0', '12.0.0', '16.20.2', '22.20.0', '24.0.0'];
const waiver = (line: string): string =>
  `      - { line: "${line}", reason: the billing system cannot move yet, by: ann, until: "2099-12-31" }`;
const lines = ['0.8', '0.10', '0.12', '4', '8', '12', '16'];

let cwd: string;
let lock: { exitCode: number | null; stderr: string; stdout: string };

beforeAll(async () => {
  cwd = await temporaryFolder();
  await mkdir(cwd, { recursive: true });
  await writeRecipe('  endOfLife: { reason: enterprises run them }');
  lock = await runCli(['lock', '--quiet'], { cwd });
}, 300_000);

async function writeRecipe(node: string): Promise<void> {
  const text = `name: legacy
node:
  releases: [${releases.map((release) => `"${release}"`).join(', ')}]
${node}
bases:
  trixie: { debian: trixie }
environments:
  production:
    gates: { node-line: {} }
  legacy:
    gates: { node-line: {} }
    waivers:
${lines.map(waiver).join('\n')}
`;
  await writeFile(join(cwd, 'nodeworthy.yaml'), text);
}

async function run(args: readonly string[]): Promise<{ exitCode: number | null; cells: Cells['cells'] }> {
  const { exitCode, stdout, stderr } = await runCli([...args, '--json', '--quiet'], { cwd });
  expect(stdout, stderr).not.toBe('');
  return { exitCode, ...(JSON.parse(stdout) as Cells) };
}

describe('releases of lines past their end', () => {
  it('are locked when the recipe says why it wants them', () => {
    expect(lock.exitCode, lock.stderr).toBe(0);
  });

  it('are denied by a policy that does not take responsibility for them', async () => {
    const { exitCode, cells } = await run(['run', '--environment', 'production', '--cells', '16.*']);
    expect(exitCode).not.toBe(0);
    expect(cells[0]).toMatchObject({ outcome: 'denied', tags: [] });
    expect(cells[0]?.reason).toMatch(/Node\.js 16 ended on 2023-09-11.*its known vulnerabilities were not looked up/);
  });

  it('each pass the battery for what they are, from 0.8 on, and are published by name of who is responsible', async () => {
    const { cells } = await run(['run', '--environment', 'legacy']);
    expect(cells.map(({ id, outcome, reason }) => `${id} ${outcome} ${reason ?? ''}`.trim())).toEqual(
      releases.map((release) => `${release}-trixie-runtime published`).reverse(),
    );
  }, 600_000);

  it('say so in the first line of their certificate, and what they lack', async () => {
    const { stdout, stderr } = await runCli(['certificate', '4.0.0-trixie-runtime', '--environment', 'legacy'], {
      cwd,
    });
    const [first = ''] = stdout.split('\n');
    expect(first, stderr).toMatch(
      /^\*\*LEGACY: Node\.js 4 ended on 2018-04-30, .* ann takes responsibility until 2099/,
    );
    expect(stdout).toContain('NODE_OPTIONS is not read');
    expect(stdout).toMatch(/\d+ passed, \d+ not applicable/);
    const page = join(cwd, 'certificate.html');
    await runCli(['certificate', '4.0.0-trixie-runtime', '--environment', 'legacy', '--html', page], { cwd });
    const html = await readFile(page, 'utf8');
    expect(html).toContain('Checks that do not apply');
    // No finding is no news where no feed was asked.
    expect(html).toContain('nobody looked for known vulnerabilities');
    expect(stdout).toContain('Nobody looked: the image has no scan.');
  });

  it('are verified with the name of who is responsible', async () => {
    const { exitCode, stdout } = await runCli(
      ['verify', '4.0.0-trixie-runtime', '--environment', 'legacy', '--explain'],
      { cwd },
    );
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain('ann takes responsibility until 2099-12-31');
  });

  it('fail with the reason of their own when the recipe has a capability wrong', async () => {
    await writeRecipe(
      '  endOfLife: { reason: enterprises run them }\n  capabilities: { "22.20.0": { has: [heap-percentage] } }',
    );
    await runCli(['lock', '--quiet'], { cwd });
    const { cells } = await run(['test', '--cells', '22.*']);
    expect(cells[0]).toMatchObject({ id: '22.20.0-trixie-runtime', outcome: 'failed' });
    expect(cells[0]?.reason).toContain('--max-old-space-size-percentage= is not allowed in NODE_OPTIONS');
  });

  it('are refused, each by name, when the recipe does not say that it wants them', async () => {
    await writeRecipe('');
    const { exitCode, stdout, stderr } = await runCli(['lock'], { cwd });
    // Some cells have no inputs: that is said, and the others go on.
    expect(exitCode, stderr).toBe(4);
    expect(stdout + stderr).toContain('Node.js 16.20.2: its line ended on 2023-09-11');
    const { cells } = await run(['build']);
    expect(cells.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged', ...Array<string>(7).fill('error')]);
    expect(cells.at(-1)?.reason).toContain('Node.js 0.8.28: its line ended on 2014-07-31');
  });
});
