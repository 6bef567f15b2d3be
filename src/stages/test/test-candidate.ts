import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { tellOfLeftovers } from './collect-leftovers.ts';
import { removeTree } from '../../core/files.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { isNative } from '../../runtimes/emulation.ts';
import type { Environment, Runtime } from '../../runtimes/runtime.ts';
import { keptFolder } from '../../store/kept-files.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { Candidate, CandidatePlatform } from '../assemble/assemble-cell.ts';
import { readImageView, type ImageView } from './image-view.ts';
import { noteFailed, readFailed } from './last-results.ts';
import { openLayerCache, type CacheOptions } from './layer-cache.ts';
import { attachReport, findOwnReports, isCompletePass, resultOf, type Suite, type TestReport } from './report.ts';
import { runSuites, type BenchOptions } from './run-suites.ts';
import type { TestSuite, TestTarget } from './suite.ts';

export interface TestOptions extends BenchOptions {
  /** What a platform of the candidate has to pass. */
  readonly suitesFor: (platform: string) => readonly TestSuite[];
  /** Opened only when something has to run. */
  readonly runtime: () => Promise<Runtime>;
  readonly cache: Omit<CacheOptions, 'subject'>;
  /** Only what did not pass the last time. */
  readonly onlyFailed?: boolean;
  /** Test again what has passed. */
  readonly again?: boolean;
}

export interface PlatformReport {
  readonly platform: CandidatePlatform;
  readonly report: TestReport;
  readonly reused: boolean;
}

export function suiteNames(suites: readonly TestSuite[]): Suite[] {
  return suites.map(({ suite }) => suite);
}

/**
 * Tests each platform of a frozen candidate and attaches the reports. A platform with a complete pass of the same
 * suites is not tested again; one that cannot run here is untested, never passed. A report on some of the cases only is
 * attached to nothing: it proves nothing.
 */
export async function testCandidate(
  store: LayoutStore,
  candidate: Pick<Candidate, 'platforms'>,
  context: Context,
  options: TestOptions,
): Promise<PlatformReport[]> {
  return await mapConcurrent(candidate.platforms, 1, async (platform) => {
    const suites = options.suitesFor(platform.platform);
    const names = suiteNames(suites);
    // Whoever chooses cases wants them run.
    const isAsked = options.again || options.onlyFailed || options.wants !== undefined;
    const reports = isAsked ? [] : await findOwnReports(store, platform.manifest.digest);
    const known = reports.find((report) => isCompletePass(report, names));
    if (known) return { platform, report: known, reused: true };
    const canRun = isNative(platform.platform) || (await (await options.runtime()).canRun(platform.platform));
    const wants = options.onlyFailed ? await wantsFailed(store, platform, options.wants) : options.wants;
    const report = canRun
      ? await testPlatform(store, platform, context, { ...options, suites, ...(wants ? { wants } : {}) })
      : untested(platform, context, names);
    if (!wants) await attachReport(store, platform.manifest, report);
    if (canRun) await noteFailed(store, report);
    return { platform, report, reused: false };
  });
}

async function wantsFailed(
  store: LayoutStore,
  { manifest }: CandidatePlatform,
  wants: BenchOptions['wants'] = () => true,
): Promise<NonNullable<BenchOptions['wants']>> {
  const failed = await readFailed(store, manifest.digest);
  // What a program reported stands behind its own name, and is run with it.
  const isFailed = (suite: string, id: string): boolean =>
    failed?.some((item) => item.suite === suite && (item.id === id || item.id.startsWith(`${id} > `))) ?? true;
  return (suite, id) => wants(suite, id) && isFailed(suite, id);
}

async function testPlatform(
  store: LayoutStore,
  platform: CandidatePlatform,
  context: Context,
  options: TestOptions & { readonly suites: readonly TestSuite[] },
): Promise<TestReport> {
  const startedAt = context.verificationTime.toISOString();
  const started = performance.now();
  const runtime = await options.runtime();
  const subject = platform.manifest.digest;
  const environment = await runtime.open(store, { manifest: subject, platform: platform.platform });
  const shared = new Map<string, Promise<Environment>>();
  const folders = sharedFolders(store);
  let view: Promise<ImageView> | undefined;
  const target: TestTarget = {
    store,
    subject,
    platform: platform.platform,
    runtime,
    environment,
    view: () => (view ??= readImageView(store, subject)),
    cache: openLayerCache(store, { ...options.cache, subject }),
    sharedLayer(name, files) {
      const made = shared.get(name) ?? runtime.addLayer(environment, files());
      shared.set(name, made);
      return made;
    },
    sharedFolder: folders.get,
    context,
  };
  try {
    const cases = await runSuites(target, options.suites, options);
    return {
      reportVersion: 2,
      subject,
      platform: platform.platform,
      runtime: { name: runtime.name, version: runtime.version },
      startedAt,
      durationMs: Math.round(performance.now() - started),
      result: resultOf(cases),
      suites: suiteNames(options.suites),
      cases,
    };
  } finally {
    for (const made of shared.values()) await runtime.dispose(await made).catch(() => {});
    await runtime.dispose(environment);
    await folders.remove().catch((error: unknown) => tellOfLeftovers(context, error));
  }
}

/** Folders that containers of one target share. */
export function sharedFolders(store: LayoutStore): {
  readonly get: TestTarget['sharedFolder'];
  remove(): Promise<void>;
} {
  const made = new Map<string, Promise<string>>();
  let top: Promise<string> | undefined;
  return {
    async get(name, fill) {
      const known = made.get(name);
      if (known) return await known;
      const count = made.size;
      const make = async (): Promise<string> => {
        const folder = await (top ??= keptFolder(store, 'tmp').then((tmp) => mkdtemp(join(tmp, 'shared-'))));
        const path = join(folder, String(count));
        await fill(path);
        return path;
      };
      const making = make();
      made.set(name, making);
      return await making;
    },
    async remove() {
      const folder = await top?.catch(() => undefined);
      if (folder !== undefined) await removeTree(folder);
    },
  };
}

function untested(platform: CandidatePlatform, context: Context, suites: readonly Suite[]): TestReport {
  return {
    reportVersion: 2,
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
