// Our pipeline and Debian's docker side by side: the same six images, inputs cached, one machine, one run.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { startDocker, startRegistry } from '../support/daemons.ts';
import {
  bar,
  dockerRun,
  nodeworthy,
  prepareContexts,
  printBars,
  requireAll,
  say,
  uploaded,
  type Measured,
  type RunJson,
} from './measure.ts';

const rounds = 2;
const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-bench-'));
const registry = await startRegistry();
const docker = await startDocker();
try {
  await main();
} finally {
  await docker.stop();
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const recipe = await readFile('examples/quickstart/nodeworthy.yaml', 'utf8');
  const inputs = await makeWorkspace('inputs', recipe);
  await nodeworthy(inputs, ['lock']);

  const ours: Measured[] = [];
  const theirs: number[] = [];
  let unchanged: Measured | undefined;
  let contexts: string | undefined;
  for (let round = 0; round < rounds; round++) {
    const target = `${registry.address}/ours-${round}`;
    const workspace = await makeWorkspace(
      `ours-${round}`,
      recipe.replace('publish: []', `publish: [{ repository: ${target} }]`),
    );
    await exec('cp', ['-al', join(inputs, '.nodeworthy'), join(workspace, '.nodeworthy')]);
    await rm(join(workspace, '.nodeworthy/store/.nodeworthy'), { recursive: true });
    await cp(join(inputs, 'nodeworthy.lock.json'), join(workspace, 'nodeworthy.lock.json'));
    const measured = await nodeworthy(workspace, ['run']);
    requireAll(measured.json, 'published');
    ours.push(measured);
    say(
      `round ${round + 1}: nodeworthy ${measured.seconds.toFixed(1)} s, peak memory ${measured.peakMb.toFixed(0)} MB`,
    );
    unchanged = await nodeworthy(workspace, ['run']);
    requireAll(unchanged.json, 'unchanged');
    if (contexts === undefined) {
      contexts = join(folder, 'contexts');
      await prepareContexts(contexts, workspace, measured.json);
    }
    theirs.push(await dockerRound(contexts, measured.json, `${registry.address}/docker-${round}`));
    say(`round ${round + 1}: docker ${theirs.at(-1)?.toFixed(1)} s`);
    if (round + 1 < rounds) await rm(workspace, { recursive: true, force: true });
  }
  const zstd = await makeWorkspace('zstd', recipe.replace('publish: []', 'publish: []\ncompression: zstd'));
  await exec('cp', ['-al', join(inputs, '.nodeworthy'), join(zstd, '.nodeworthy')]);
  await cp(join(inputs, 'nodeworthy.lock.json'), join(zstd, 'nodeworthy.lock.json'));
  await nodeworthy(zstd, ['lock']);
  const zstdBuilt = await nodeworthy(zstd, ['build']);

  const best = (values: readonly number[]): number => Math.min(...values);
  const is24Trixie = (cell: { id: string }): boolean => /^24\..*-trixie-runtime$/.test(cell.id);
  const sizeOf = (json: RunJson): number => (json.cells.find(is24Trixie)?.platforms[0]?.sizeBytes ?? Number.NaN) / 1e6;
  const bars = [
    bar('time against docker, best of each', best(ours.map((run) => run.seconds)) / best(theirs), 0.25, ''),
    bar('unchanged run', unchanged?.seconds ?? Number.NaN, 1, ' s'),
    bar('bytes uploaded by an unchanged run', uploaded(unchanged?.json), 0, ' B'),
    bar('peak memory of a full run', Math.max(...ours.map((run) => run.peakMb)), 300, ' MB'),
    bar('Node.js 24 on trixie, gzip', sizeOf(ours[0]?.json ?? { cells: [] }), 52, ' MB'),
    bar('Node.js 24 on trixie, zstd', sizeOf(zstdBuilt.json), 45, ' MB'),
  ];
  const result = {
    machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version },
    rounds: ours.map((run, index) => ({
      nodeworthySeconds: run.seconds,
      dockerSeconds: theirs[index],
      ratio: run.seconds / (theirs[index] ?? Number.NaN),
      peakMb: run.peakMb,
    })),
    bars,
  };
  await mkdir('bench-results', { recursive: true });
  await writeFile('bench-results/bench.json', `${JSON.stringify(result, null, 2)}\n`);
  printBars(bars, 'bench-results/bench.json');
}

async function makeWorkspace(name: string, recipe: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'nodeworthy.yaml'), recipe);
  return path;
}

/** build --no-cache, three smoke runs and push for each of the images, one after the other. */
async function dockerRound(contexts: string, json: RunJson, repository: string): Promise<number> {
  const started = performance.now();
  for (const cell of json.cells) {
    const image = `${repository}:${cell.id}`;
    await dockerRun(docker, ['build', '--quiet', '--no-cache', '--tag', image, join(contexts, cell.id)]);
    for (const code of [
      'process.version',
      'require("crypto").randomUUID()',
      'Intl.DateTimeFormat().resolvedOptions().timeZone',
    ]) {
      await dockerRun(docker, ['run', '--rm', '--network', 'none', image, 'node', '--print', code]);
    }
    await dockerRun(docker, ['push', '--quiet', image]);
  }
  const seconds = (performance.now() - started) / 1000;
  await dockerRun(docker, ['system', 'prune', '--all', '--force']);
  return seconds;
}
