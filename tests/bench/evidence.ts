// Evidence: made, signed, attached and read back; verified; signatures by the second; matching against whole feeds.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRecipe } from '../../src/config/load-recipe.ts';
import { exec } from '../../src/core/exec.ts';
import { copyEvidence, readEvidence } from '../../src/evidence/evidence-store.ts';
import { writeKeyPair } from '../../src/evidence/signing.ts';
import { trustInKey } from '../../src/evidence/trust-in-key.ts';
import { attest, certify, gate, openCertification, requireAllowed } from '../../src/pipeline-evidence.ts';
import { loadSuites, makeCandidate } from '../../src/pipeline-cells.ts';
import { planLocked } from '../../src/pipeline-plan.ts';
import { createKeyPair } from '../../src/signers/local-key/key-pair.ts';
import { openSignerOfPem } from '../../src/signers/open-signer.ts';
import { readLock } from '../../src/stages/resolve/lock.ts';
import { findReports } from '../../src/stages/test/report.ts';
import { suiteNames } from '../../src/stages/test/test-candidate.ts';
import { checkBytes } from '../../src/stages/verify/check-bytes.ts';
import { verifyImage } from '../../src/stages/verify/verify-image.ts';
import { bundleMediaType } from '../../src/formats/attestation/bundle.ts';
import type { Digest } from '../../src/core/digest.ts';
import type { Descriptor } from '../../src/formats/oci/descriptor.ts';
import type { Candidate } from '../../src/stages/assemble/assemble-cell.ts';
import { readManifest } from '../../src/store/manifest.ts';
import { copyImage } from '../../src/store/copy-image.ts';
import { openLayoutStore, type LayoutStore } from '../../src/store/layout/layout-store.ts';
import { openRegistryStore } from '../../src/store/registry/registry-store.ts';
import { startRegistry } from '../support/daemons.ts';
import { bar, nodeworthy, printBars, say } from './measure.ts';

const rounds = 5;
const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-bench-evidence-'));
const registry = await startRegistry();
try {
  await main();
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const signatures = await measureSignatures();
  say(`${signatures.toFixed(0)} signatures of 50 KB per second`);
  const matching = await measureMatching();
  say(`matching: ${JSON.stringify(matching)}`);
  const { made, verified, commands, deep } = await measureEvidence();
  const bars = [
    bar('evidence for one cell on two platforms, to a registry, best', best(made) / 1000, 1.5, ' s'),
    bar('verification of a published image, best', best(verified), 300, ' ms'),
    bar('the same as a command, with the start of its process, best', best(commands) * 1000, 300, ' ms'),
    bar(
      'reading all layers to verify them, against SHA-256 of the same files, best',
      best(deep.map(({ reading }) => reading)),
      1.25,
      '',
    ),
    bar(
      'verification to the last byte with its statements, against the same, best',
      best(deep.map(({ whole }) => whole)),
      1.25,
      '',
    ),
    bar('milliseconds for 1,000 signatures of 50 KB on one core', 1_000_000 / signatures, 1000, ' ms'),
    bar('matching 300 packages against whole feeds', matching.matchedMs / 1000, 1, ' s'),
    bar('memory of that', matching.peakMb, 400, ' MB'),
    bar('memory while their indexes are made', matching.preparingMb, 400, ' MB'),
  ];
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  await mkdir('bench-results', { recursive: true });
  const results = { machine, made, verified, commands, deep, signatures, matching, bars };
  await writeFile('bench-results/evidence.json', `${JSON.stringify(results, null, 2)}\n`);
  printBars(bars, 'bench-results/evidence.json');
}

function best(values: readonly number[]): number {
  return Math.min(...values);
}

async function measureSignatures(): Promise<number> {
  const { privateKey } = createKeyPair(undefined);
  const signer = await openSignerOfPem({ pem: privateKey, path: 'bench.key' }, {});
  const statement = Buffer.alloc(50_000, 'a');
  const started = performance.now();
  let count = 0;
  for (; performance.now() - started < 2000; count++) await signer.sign(statement);
  return (count * 1000) / (performance.now() - started);
}

/** Feeds as large as the real ones: 3,600 source packages with 45,000 vulnerabilities, and 220,000 npm entries. */
async function measureMatching() {
  await writeLines(join(folder, 'debian-tracker'), function* () {
    yield '{';
    for (let at = 0; at < 3600; at++) {
      const releases = { bookworm: release(at), trixie: release(at), forky: release(at), sid: release(at) };
      const entries = Array.from({ length: 12 + (at % 2) }, (_, number) => [
        `CVE-2026-${String(at * 20 + number).padStart(5, '0')}`,
        { description: 'x'.repeat(250), scope: 'remote', releases },
      ]);
      yield `${at === 0 ? '' : ','}"source${at}":${JSON.stringify(Object.fromEntries(entries))}`;
    }
    yield '}';
  });
  await writeLines(join(folder, 'osv'), function* () {
    for (let at = 0; at < 220_000; at++)
      yield JSON.stringify({
        id: `GHSA-${at}`,
        modified: '2026-11-01T00:00:00Z',
        summary: 'x'.repeat(120),
        details: 'x'.repeat(400),
        affected: [
          {
            package: { ecosystem: 'npm', name: `package${at}` },
            ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '2.0.0' }] }],
          },
        ],
      });
  });
  const digests: Record<string, string> = {};
  for (const kind of ['debian-tracker', 'osv']) {
    const hash = createHash('sha256').update(kind);
    digests[kind] = `sha256:${hash.digest('hex')}`;
  }
  await writeFile(join(folder, 'digests.json'), JSON.stringify(digests));
  const run = async () => {
    const program = new URL('./match-image.ts', import.meta.url).pathname;
    const ran = await exec(process.execPath, ['--disable-warning=ExperimentalWarning', program, folder], {
      env: { ...process.env },
      timeoutMs: 600_000,
    });
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    return JSON.parse(ran.stdout) as { preparedMs: number; matchedMs: number; findings: number; peakMb: number };
  };
  const first = await run();
  const second = await run();
  return { ...second, preparedSeconds: first.preparedMs / 1000, preparingMb: first.peakMb };
}

function release(at: number): object {
  return at % 3 === 0
    ? { status: 'open', urgency: 'not yet assigned' }
    : { status: 'resolved', fixed_version: at % 3 === 1 ? '0.9-1' : '1.0-2', urgency: 'medium' };
}

async function writeLines(path: string, lines: () => Generator<string>): Promise<void> {
  const file = createWriteStream(path);
  for (const line of lines()) if (!file.write(`${line}\n`)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
}

/** One cell on two platforms, built and tested for real; each round with keys of its own, so that all is made anew. */
async function measureEvidence() {
  const cwd = join(folder, 'workspace');
  await mkdir(join(cwd, 'keys'), { recursive: true });
  const recipe = (round: number): string =>
    `name: bench\nnode: { releases: [24] }\nbases: { trixie: { debian: trixie } }\nplatforms: [linux/amd64, linux/arm64]\nsigning:\n  release: { key: keys/r${round}.key }\n  failures: { key: keys/f${round}.key }\n  author: bench@example.com\nfeeds: [{ name: osv, kind: osv, path: ../feed.json }]\nenvironments:\n  bench:\n    gates: { vulnerabilities: { uncovered: allow }, feeds: { maxAgeDays: 9 } }\n`;
  const modified = new Date().toISOString();
  await writeFile(
    join(folder, 'feed.json'),
    JSON.stringify([{ id: 'CVE-0', modified, affected: [{ package: { ecosystem: 'Debian:13', name: 'nothing' } }] }]),
  );
  for (let round = 0; round <= rounds; round++) {
    await writeKeyPair(join(cwd, `keys/r${round}`), undefined);
    await writeKeyPair(join(cwd, `keys/f${round}`), undefined);
  }
  await writeFile(join(cwd, 'nodeworthy.yaml'), recipe(0));
  say('one cell on two platforms is built and tested; the foreign one takes its time');
  await nodeworthy(cwd, ['run']);
  const made: number[] = [];
  const verified: number[] = [];
  const commands: number[] = [];
  const deep: { readonly reading: number; readonly whole: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    await writeFile(join(cwd, 'nodeworthy.yaml'), recipe(round));
    const context = {
      now: new Date(),
      verificationTime: new Date(),
      env: process.env,
      signal: new AbortController().signal,
      report: () => {},
      concurrency: 2,
    };
    await forgetEvidence(join(cwd, '.nodeworthy/store/index.json'));
    const store = await openLayoutStore(join(cwd, '.nodeworthy/store'));
    const loaded = await loadRecipe(join(cwd, 'nodeworthy.yaml'), context.now);
    const lock = await readLock(join(cwd, 'nodeworthy.lock.json'));
    if (!lock) throw new Error('no lock');
    const input = { store, loaded, lock, context };
    const [cell] = planLocked(input);
    if (!cell) throw new Error('no cell');
    const tests = await (await loadSuites(input, 'publish')).of(cell);
    const sandbox = async (): Promise<never> => {
      throw new Error('it is built already');
    };
    const candidate = await makeCandidate(input, cell, { sandbox, knownOnly: true });
    const reports = await Promise.all(
      candidate.platforms.map(async (platform) => {
        const [report] = await findReports(store, platform.manifest.digest);
        if (!report) throw new Error('no report');
        return { platform, report, reused: true };
      }),
    );
    const suitesFor = (platform: string) => suiteNames(tests(platform));
    const job = { cell, candidate, reports, suitesFor };
    const repository = `${registry.address}/bench/node${round}`;
    const remote = openRegistryStore({ repository, ...context });
    await copyImage(store, remote, candidate.index);
    const subjects = [candidate.index.digest, ...candidate.platforms.map(({ manifest }) => manifest.digest)];
    const started = performance.now();
    const certification = await openCertification(input);
    const steps: Record<string, number> = {};
    let last = started;
    const step = (name: string): void => {
      steps[name] = Math.round(performance.now() - last);
      last = performance.now();
    };
    step('open');
    await attest(input, certification, job);
    step('attest');
    const gated = await gate(input, certification, job);
    requireAllowed(gated);
    step('gate');
    await certify(input, certification, job, gated);
    step('certify');
    await copyEvidence(store, remote, subjects);
    step('send');
    await Promise.all(subjects.map((subject) => readEvidence(remote, subject)));
    step('read back');
    made.push(performance.now() - started);
    say(JSON.stringify(steps));
    await certification.close();
    const pem = certification.signing.release.publicKey ?? '';
    const at = performance.now();
    const found = await verifyImage(remote, candidate.index, {
      trust: trustInKey(pem, 'bench.pub'),
      environment: { name: 'bench' },
      now: new Date(),
    });
    verified.push(performance.now() - at);
    if (!found.verified) throw new Error(JSON.stringify(found.checks));
    deep.push(await measureDeep(store, candidate, pem));
    const reference = `${repository}@${candidate.index.digest}`;
    commands.push(
      (await nodeworthy(cwd, ['verify', reference, '--key', `keys/r${round}.pub`, '--environment', 'bench'])).seconds,
    );
    await remote.close();
    say(`round ${round}: made in ${made.at(-1)?.toFixed(0)} ms, verified in ${verified.at(-1)?.toFixed(0)} ms`);
  }
  return { made, verified, commands, deep };
}

/** Time to read all layers, and to verify an image with them, as shares of the time that SHA-256 over the files takes. */
async function measureDeep(
  store: LayoutStore,
  { index, platforms }: Pick<Candidate, 'index' | 'platforms'>,
  pem: string,
): Promise<{ readonly reading: number; readonly whole: number }> {
  const layers = new Map<string, Descriptor>();
  for (const { manifest } of platforms)
    for (const layer of (await readManifest(store, manifest.digest)).layers) layers.set(layer.digest, layer);
  const hashed = await timed(async () => {
    for (const { digest } of layers.values()) {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(store.blobPath(digest as Digest), { highWaterMark: 1 << 20 }))
        hash.update(chunk as Buffer);
      if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${digest} is damaged`);
    }
  });
  const read = await timed(async () => {
    const named = platforms.map(({ manifest }) => ({ platform: undefined, digest: manifest.digest }));
    const check = await checkBytes(store, named, { deep: true });
    if (!check.ok) throw new Error(check.reason);
  });
  const verified = await timed(async () => {
    const found = await verifyImage(store, index, {
      trust: trustInKey(pem, 'bench.pub'),
      environment: { name: 'bench' },
      now: new Date(),
      deep: true,
    });
    if (!found.verified) throw new Error(JSON.stringify(found.checks));
  });
  return { reading: read / hashed, whole: verified / hashed };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** What an earlier round said of the image is not made again: it goes, so that each round makes all of it. */
async function forgetEvidence(path: string): Promise<void> {
  const index = JSON.parse(await readFile(path, 'utf8')) as { manifests: { artifactType?: string }[] };
  const manifests = index.manifests.filter(({ artifactType }) => artifactType !== bundleMediaType);
  await writeFile(path, JSON.stringify({ ...index, manifests }));
}
