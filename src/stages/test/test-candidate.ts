import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { isNative } from '../../runtimes/emulation.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { checkRule } from '../assemble/hardening/harden-entries.ts';
import { listLayer } from '../../trees/layer-listing.ts';
import { VirtualTree } from '../../trees/virtual-tree.ts';
import type { FileContent, TreeEntry } from '../../trees/image-tree.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import type { Candidate, CandidatePlatform } from '../assemble/assemble-cell.ts';
import { batteryFor, batteryJobs, batteryLayer, type Battery } from './battery/battery-suite.ts';
import type { CheckedCell } from './battery/battery.ts';
import { runDockerfileTest, type DockerfileTest } from './dockerfile-test.ts';
import { attachReport, findReports, isCompletePass, type Suite, type TestCase, type TestReport } from './report.ts';

export interface TestOptions {
  readonly cell: CheckedCell;
  readonly tests: readonly DockerfileTest[];
  /** Opened only when something has to run. */
  readonly runtime: () => Promise<Runtime>;
  /** How many containers run at once for this cell. */
  readonly parallel: number;
  readonly onCase?: (done: number, total: number, failed: number) => void;
}

export interface PlatformReport {
  readonly platform: CandidatePlatform;
  readonly report: TestReport;
  readonly reused: boolean;
}

/** What a digest must have passed before it may be published. */
export function requiredSuites(cell: CheckedCell, tests: readonly DockerfileTest[]): Suite[] {
  return [batteryFor(cell).suite, ...tests.map((test) => test.suite)];
}

/**
 * Tests each platform of a frozen candidate and attaches the reports. A platform with a complete pass of the same
 * suites is not tested again; one that cannot run here is untested, never passed.
 */
export async function testCandidate(
  store: LayoutStore,
  candidate: Candidate,
  context: Context,
  options: TestOptions,
): Promise<PlatformReport[]> {
  const suites = requiredSuites(options.cell, options.tests);
  return await mapConcurrent(candidate.platforms, 1, async (platform) => {
    const known = (await findReports(store, platform.manifest.digest)).find((report) => isCompletePass(report, suites));
    if (known) return { platform, report: known, reused: true };
    const canRun = isNative(platform.platform) || (await (await options.runtime()).canRun(platform.platform));
    const report = canRun
      ? await testPlatform(store, platform, context, { ...options, suites })
      : untested(platform, context, suites);
    await attachReport(store, platform.manifest, report);
    return { platform, report, reused: false };
  });
}

async function testPlatform(
  store: LayoutStore,
  platform: CandidatePlatform,
  context: Context,
  options: TestOptions & { readonly suites: readonly Suite[] },
): Promise<TestReport> {
  const startedAt = context.verificationTime.toISOString();
  const started = performance.now();
  const runtime = await options.runtime();
  const base = await runtime.open(store, { manifest: platform.manifest.digest, platform: platform.platform });
  const battery = batteryFor(options.cell);
  const total = battery.shared.length + battery.alone.length + options.tests.length + 1 + options.cell.hardening.length;
  let done = 0;
  let failed = 0;
  function count(finished: readonly TestCase[]): readonly TestCase[] {
    done += finished.length;
    failed += finished.filter((item) => item.result === 'failed').length;
    options.onCase?.(done, total, failed);
    return finished;
  }
  try {
    const layered = await runtime.addLayer(base, batteryLayer(battery, context.verificationTime));
    const { signal } = context;
    const jobs: (() => Promise<readonly TestCase[]>)[] = [
      ...batteryJobs({ battery, runtime, environment: layered, cell: options.cell, signal }),
      async () => await auditLayers(store, platform, { battery, cell: options.cell }),
      ...options.tests.map((test) => async () => [await runDockerfileTest(runtime, base, { test, signal })]),
    ];
    const cases = (await mapConcurrent(jobs, options.parallel, async (job) => count(await job()))).flat();
    await runtime.dispose(layered);
    return {
      reportVersion: 1,
      subject: platform.manifest.digest,
      platform: platform.platform,
      runtime: { name: runtime.name, version: runtime.version },
      startedAt,
      durationMs: Math.round(performance.now() - started),
      result: cases.every((item) => item.result === 'passed') ? 'passed' : 'failed',
      suites: [...options.suites],
      cases,
    };
  } finally {
    await runtime.dispose(base);
  }
}

/**
 * File capabilities cannot be seen from inside, and neither can what a user may not read: the layers themselves are
 * read, and each rule of hardening is asserted on the file system that they make together.
 */
async function auditLayers(
  store: LayoutStore,
  platform: CandidatePlatform,
  { battery, cell }: { readonly battery: Battery; readonly cell: CheckedCell },
): Promise<TestCase[]> {
  const started = performance.now();
  const manifest = await readManifest(store, platform.manifest.digest);
  const config = await readImageConfig(store, manifest);
  const tree = new VirtualTree();
  for (const [index, layer] of manifest.layers.entries()) {
    const diffId = config.rootfs.diff_ids[index];
    if (diffId) tree.apply(await listLayer(store, layer, diffId));
  }
  const entries = tree.entries();
  const view = { entries, get: (path: string) => tree.get(path), read: readListed };
  function toCase(id: string, problems: readonly string[]): TestCase {
    return {
      id,
      suite: battery.suite.id,
      result: problems.length === 0 ? 'passed' : 'failed',
      durationMs: Math.round(performance.now() - started),
      exitCode: null,
      problems: problems.slice(0, 50),
      output: '',
      droppedBytes: 0,
      layer: digestOf(''),
    };
  }
  return [
    ...(cell.traits.includes('foreign-base') ? [] : [toCase('file-privileges', entries.flatMap(privilegesOf))]),
    ...cell.hardening.map((rule) => toCase(`hardening/${rule}`, checkRule(rule, view))),
  ];
}

/** What an entry grants beyond its permissions: a set-id bit, or a file capability. */
function privilegesOf({ path, node }: TreeEntry): string[] {
  const problems: string[] = [];
  if (node.kind !== 'directory' && node.kind !== 'symlink' && (node.mode & 0o6000) !== 0)
    problems.push(`/${path} has a set-id bit`);
  if (node.kind === 'file' && node.xattrs?.['security.capability'] !== undefined)
    problems.push(`/${path} has a file capability`);
  return problems;
}

function readListed(content: FileContent): Buffer {
  if (content.kind === 'bytes') return content.bytes;
  throw new Failure('ARCHIVE_HOSTILE', `a file that checks read has ${content.sizeBytes} bytes`, {
    hint: 'an account file or package database of this size is no such file',
  });
}

function untested(platform: CandidatePlatform, context: Context, suites: readonly Suite[]): TestReport {
  return {
    reportVersion: 1,
    subject: platform.manifest.digest,
    platform: platform.platform,
    runtime: { name: 'none', version: '' },
    startedAt: context.verificationTime.toISOString(),
    durationMs: 0,
    result: 'untested',
    reason: `${platform.platform} does not run on this machine, and there is no emulator`,
    suites: [...suites],
    cases: [],
  };
}
