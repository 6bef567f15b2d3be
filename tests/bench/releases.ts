// Every release that the registry lists, `runtime` on trixie: each starts and is judged. About an hour on two cores, so
// it can be stopped and goes on where it was; results of another state of the source are not taken.
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import semver from 'semver';
import { exec } from '../../src/core/exec.ts';
import { readTextIfExists } from '../../src/core/files.ts';
import { capabilitiesOf } from '../../src/stages/catalog/capabilities.ts';
import { askCgroupV2 } from '../support/cgroup-v2.ts';
import { runCli } from '../support/cli.ts';
import { legacyPolicy, listReleases } from '../support/releases.ts';
import { bar, printBars, say } from './measure.ts';
import { releasesPage, type JudgedRelease } from './releases-page.ts';

const results = 'bench-results/releases.jsonl';
const batchSize = 24;

/** What the results are about: code, data and checks. */
const { stdout: tree } = await exec('git', ['rev-parse', 'HEAD:src']);
const source = tree.trim();
await mkdir('bench-results', { recursive: true });
const all = await listReleases();
const known = new Map((await readKnown()).map((judged) => [judged.release, judged]));
const open = all.filter((release) => !known.has(release));
say(`${all.length} releases, ${open.length} of them not judged yet with this source`);
const started = performance.now();
for (let at = 0; at < open.length; at += batchSize) {
  for (const judged of await judge(open.slice(at, at + batchSize))) {
    known.set(judged.release, judged);
    await appendFile(results, `${JSON.stringify({ source, ...judged })}\n`);
  }
  say(`${known.size} of ${all.length} after ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
}
const judged = all.flatMap((release) => known.get(release) ?? []);
await writeFile('docs/releases.md', releasesPage(judged));
const failed = judged.filter(({ outcome }) => outcome !== 'published');
for (const { release, outcome, reason } of failed) say(`${release} ${outcome}: ${reason}`);
const bars = [
  bar('releases that were not judged', all.length - judged.length, 0, ''),
  bar('releases from 18.0.0 on that do not certify', failed.filter(isModern).length, 0, ''),
  bar('capabilities in the data that a binary contradicts', failed.filter(isContradicted).length, 0, ''),
];
await writeFile('bench-results/releases.json', `${JSON.stringify({ source, bars }, null, 2)}\n`);
printBars(bars, 'bench-results/releases.json and docs/releases.md');

function isModern({ release }: JudgedRelease): boolean {
  return semver.gte(release, '18.0.0');
}

function isContradicted({ reason }: JudgedRelease): boolean {
  return reason.includes('the data on releases says');
}

async function readKnown(): Promise<JudgedRelease[]> {
  const lines = ((await readTextIfExists(results)) ?? '').split('\n').filter(Boolean);
  return lines
    .map((line) => JSON.parse(line) as JudgedRelease & { readonly source: string })
    .filter((line) => line.source === source)
    .map(({ release, outcome, reason, passed, left }) => ({ release, outcome, reason, passed, left }));
}

async function judge(releases: readonly string[]): Promise<JudgedRelease[]> {
  const cwd = await mkdtemp(join(tmpdir(), 'nodeworthy-releases-'));
  try {
    await writeFile(join(cwd, 'nodeworthy.yaml'), recipeOf(releases));
    const ran = await runCli(['run', '--json', '--quiet'], { cwd });
    if (ran.stdout === '')
      return releases.map((release) => ({ release, outcome: 'error', reason: ran.stderr.trim(), passed: 0, left: 0 }));
    const { cells } = JSON.parse(ran.stdout) as {
      readonly cells: readonly {
        readonly id: string;
        readonly outcome: string;
        readonly reason?: string;
        readonly platforms: readonly { readonly tests: { readonly passed: number; readonly notApplicable: number } }[];
      }[];
    };
    const followed = await askCgroupV2(cwd);
    return releases.map((release): JudgedRelease => {
      const answer = followed.get(release);
      if (answer !== undefined && answer !== capabilitiesOf(release).has('cgroup-v2'))
        return contradicted(release, answer);
      const cell = cells.find(({ id }) => id === `${release}-trixie-runtime`);
      const tests = cell?.platforms[0]?.tests;
      return {
        release,
        outcome: cell?.outcome ?? 'missing',
        reason: cell?.reason ?? '',
        passed: tests?.passed ?? 0,
        left: tests?.notApplicable ?? 0,
      };
    });
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** No check can ask this in a container of a machine that has cgroup v1. */
function contradicted(release: string, follows: boolean): JudgedRelease {
  const reason = `it ${follows ? 'has' : 'lacks'} cgroup-v2, and the data on releases says it ${follows ? 'lacks' : 'has'} it`;
  return { release, outcome: 'failed', reason, passed: 0, left: 0 };
}

function recipeOf(releases: readonly string[]): string {
  return `name: releases
node:
  releases: [${releases.map((release) => `"${release}"`).join(', ')}]
  endOfLife: { reason: each release is judged }
bases: { trixie: { debian: trixie } }
compression: zstd
${legacyPolicy(releases)}`;
}
