// Our pipeline and Debian's docker side by side: the same six images, inputs cached, one machine, one run.
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { entry } from '../support/cli.ts';
import { startDocker, startRegistry } from '../support/daemons.ts';

interface RunJson {
  readonly cells: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly platforms: readonly { readonly sizeBytes: number; readonly digest: string }[];
    readonly targets: readonly { readonly uploadedBytes: number }[];
  }[];
}

interface Measured {
  readonly seconds: number;
  readonly peakMb: number;
  readonly json: RunJson;
}

const rounds = Number(process.argv[2] ?? 2);
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
    contexts ??= await prepareContexts(workspace, measured.json);
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
  process.stdout.write(
    `\n${bars.map((item) => `${item.holds ? 'holds      ' : 'FALLS SHORT'}  ${item.name}: ${item.value.toFixed(item.limit < 10 ? 2 : 1)}${item.unit} (at most ${item.limit}${item.unit})`).join('\n')}\nwritten to bench-results/bench.json\n`,
  );
}

function bar(name: string, value: number, limit: number, unit: string) {
  return { name, value, limit, unit, holds: value <= limit };
}

async function makeWorkspace(name: string, recipe: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'nodeworthy.yaml'), recipe);
  return path;
}

/** Time and highest resident memory of one command, as the kernel counts it. */
async function nodeworthy(cwd: string, args: readonly string[]): Promise<Measured> {
  const started = performance.now();
  const child = spawn(process.execPath, [entry, ...args, '--json', '--quiet'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CI: 'true' },
  });
  let peakMb = 0;
  const timer = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => (peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000)),
      () => {},
    );
  }, 20);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(timer);
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`nodeworthy ${args.join(' ')} ended with ${String(status)}: ${output}`);
  return { seconds, peakMb, json: JSON.parse(output) as RunJson };
}

/** The files of each image's layers as a build context: docker copies the very same bytes. */
async function prepareContexts(workspace: string, json: RunJson): Promise<string> {
  const contexts = join(folder, 'contexts');
  for (const cell of json.cells) {
    const context = join(contexts, cell.id);
    await mkdir(context, { recursive: true });
    const store = join(workspace, '.nodeworthy/store');
    const manifest = JSON.parse(
      await readFile(join(store, 'blobs/sha256', String(cell.platforms[0]?.digest).slice(7)), 'utf8'),
    ) as { layers: { digest: string }[] };
    for (const [index, layer] of manifest.layers.entries()) {
      const target = join(context, `layer${index}`);
      await mkdir(target);
      await exec('tar', ['-xzf', join(store, 'blobs/sha256', layer.digest.slice(7)), '-C', target]);
    }
    const lines = [
      'FROM scratch',
      ...manifest.layers.map((_, index) => `COPY layer${index}/ /`),
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      'USER 1000:1000',
      'WORKDIR /app',
      'ENTRYPOINT ["/usr/bin/tini", "--"]',
      'CMD ["node"]',
    ];
    await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  }
  return contexts;
}

/** build --no-cache, three smoke runs and push for each of the images, one after the other. */
async function dockerRound(contexts: string, json: RunJson, repository: string): Promise<number> {
  const started = performance.now();
  for (const cell of json.cells) {
    const image = `${repository}:${cell.id}`;
    await dockerRun(['build', '--quiet', '--no-cache', '--tag', image, join(contexts, cell.id)]);
    for (const code of [
      'process.version',
      'require("crypto").randomUUID()',
      'Intl.DateTimeFormat().resolvedOptions().timeZone',
    ]) {
      await dockerRun(['run', '--rm', '--network', 'none', image, 'node', '--print', code]);
    }
    await dockerRun(['push', '--quiet', image]);
  }
  const seconds = (performance.now() - started) / 1000;
  await dockerRun(['system', 'prune', '--all', '--force']);
  return seconds;
}

async function dockerRun(args: readonly string[]): Promise<void> {
  const result = await exec('/usr/bin/docker', args, {
    env: { ...process.env, DOCKER_HOST: docker.address, DOCKER_BUILDKIT: '1' },
    timeoutMs: 600_000,
  });
  if (result.exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${result.stderr}`);
}

function uploaded(json: RunJson | undefined): number {
  return (json?.cells ?? []).flatMap((cell) => cell.targets).reduce((sum, target) => sum + target.uploadedBytes, 0);
}

function requireAll(json: RunJson, outcome: string): void {
  for (const cell of json.cells)
    if (cell.outcome !== outcome) throw new Error(`${cell.id} is ${cell.outcome}, not ${outcome}`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
