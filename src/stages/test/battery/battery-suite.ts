import { readFileSync } from 'node:fs';
import { canonicalJson } from '../../../core/canonical-json.ts';
import { digestOf } from '../../../core/digest.ts';
import type { Environment, LayerFile, RunResult, Runtime } from '../../../runtimes/runtime.ts';
import { assertionOf } from '../assertion-text.ts';
import type { Suite, TestCase } from '../report.ts';
import { batteryVersion, containerRuns, sharedChecks, sharedRequest, type CheckedCell } from './battery.ts';
import { createTestAuthority } from './test-authority.ts';

const suiteId = 'nodeworthy-runtime';
const outputLimit = 16_384;
const names = ['shared.mjs', ...new Set([...sharedChecks, ...containerRuns].map((check) => check.script))].sort();
const scripts = new Map(names.map((name) => [name, readFileSync(new URL(`./${name}`, import.meta.url))]));

/** The battery by name and by the digest of everything it demands. */
export const batterySuite: Suite = {
  id: suiteId,
  origin: 'vendor',
  digest: digestOf(
    canonicalJson({
      batteryVersion,
      scripts: names.map((name) => [name, digestOf(scripts.get(name) ?? '')]),
      shared: [sharedChecks, sharedRequest({ release: '', suite: '' })],
      alone: containerRuns.map((run) => [run.id, run.request({ release: '', suite: '' })]),
    }),
  ),
};

/** Cases of the battery that containers show. */
export const batteryCaseCount = sharedChecks.length + containerRuns.length;

/** Digest of the test layer: the scripts. Its certificates live for one run and are left out. */
const layerDigest = digestOf(canonicalJson(names.map((name) => [name, digestOf(scripts.get(name) ?? '')])));

/** The test layer: scripts, what they are told, and a certificate authority of their own. */
export function batteryLayer(now: Date): LayerFile[] {
  const files = names.map((name): LayerFile => ({
    path: `nodeworthy-test/${name}`,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    bytes: scripts.get(name) ?? Buffer.alloc(0),
  }));
  const list: LayerFile = {
    path: 'nodeworthy-test/shared.json',
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    bytes: Buffer.from(JSON.stringify(sharedChecks)),
  };
  return [...files, list, ...createTestAuthority(now)];
}

export interface BatteryTarget {
  readonly runtime: Runtime;
  /** The candidate with the battery's layer on it. */
  readonly environment: Environment;
  readonly cell: CheckedCell;
  readonly signal: AbortSignal;
}

/** Pieces of work that can run at once, each giving one or more cases. */
export function batteryJobs({ runtime, environment, cell, signal }: BatteryTarget): (() => Promise<TestCase[]>)[] {
  return [
    async () => readSharedCases((await runtime.run(environment, sharedRequest(cell), signal)).result),
    ...containerRuns.map((run) => async () => {
      const { result } = await runtime.run(environment, run.request(cell), signal);
      return [
        toCase(run.id, {
          problems: run.judge(result),
          durationMs: result.durationMs,
          exitCode: result.exitCode,
          output: result.stdout + result.stderr,
          droppedBytes: result.droppedBytes,
        }),
      ];
    }),
  ];
}

interface SharedLine {
  readonly id: string;
  readonly ms: number;
  readonly output: string;
  readonly error?: string;
}

const marker = '@@nodeworthy-case ';

/** One line of JSON per check; a check without a line did not get its turn, and that is a failure. */
export function readSharedCases(result: RunResult): TestCase[] {
  const lines = new Map<string, SharedLine>();
  for (const line of result.stdout.split('\n')) {
    if (!line.startsWith(marker)) continue;
    const parsed = JSON.parse(line.slice(marker.length)) as SharedLine;
    lines.set(parsed.id, parsed);
  }
  return sharedChecks.map(({ id }) => {
    const line = lines.get(id);
    const problems =
      line === undefined
        ? [
            `did not report: exit code ${result.exitCode}${result.timedOut ? ', timed out' : ''}: ${assertionOf(result.stderr)}`,
          ]
        : line.error === undefined
          ? []
          : [assertionOf(line.error)];
    return toCase(id, {
      problems,
      durationMs: line?.ms ?? 0,
      exitCode: line === undefined ? result.exitCode : problems.length,
      output: line?.output ?? '',
      droppedBytes: 0,
    });
  });
}

function toCase(
  id: string,
  outcome: Pick<TestCase, 'problems' | 'durationMs' | 'exitCode' | 'output' | 'droppedBytes'>,
): TestCase {
  const cut = Math.max(0, outcome.output.length - outputLimit);
  return {
    id,
    suite: suiteId,
    result: outcome.problems.length === 0 ? 'passed' : 'failed',
    ...outcome,
    durationMs: Math.round(outcome.durationMs),
    output: outcome.output.slice(0, outputLimit),
    droppedBytes: outcome.droppedBytes + cut,
    layer: layerDigest,
  };
}
