import { readFileSync } from 'node:fs';
import { canonicalJson } from '../../../core/canonical-json.ts';
import { digestOf } from '../../../core/digest.ts';
import type { Environment, LayerFile, RunResult, Runtime } from '../../../runtimes/runtime.ts';
import { assertionOf } from '../assertion-text.ts';
import type { Suite, TestCase } from '../report.ts';
import {
  appliesTo,
  batteryVersion,
  containerRuns,
  sharedChecks,
  sharedRequest,
  type CheckedCell,
  type ContainerRun,
  type SharedCheck,
} from './battery.ts';
import { createTestAuthority } from './test-authority.ts';

const outputLimit = 16_384;
const names = ['shared.mjs', ...new Set([...sharedChecks, ...containerRuns].map((check) => check.script))].sort();
const scripts = new Map(names.map((name) => [name, readFileSync(new URL(`./${name}`, import.meta.url))]));

/** What one variant has to pass. */
export interface Battery {
  /** By name and by the digest of everything it demands. */
  readonly suite: Suite;
  readonly shared: readonly SharedCheck[];
  readonly alone: readonly ContainerRun[];
}

const batteries = new Map<string, Battery>();

export function batteryFor({
  variant,
  traits,
  hardening,
  user,
  timeZone,
}: Omit<CheckedCell, 'release' | 'suite'>): Battery {
  const key = canonicalJson([variant, traits, hardening, user, timeZone]);
  const known = batteries.get(key);
  if (known) return known;
  const shared = sharedChecks.filter((check) => appliesTo(check, { variant, traits }));
  const alone = containerRuns.filter((run) => appliesTo(run, { variant, traits }));
  const cell: CheckedCell = { release: '', suite: '', variant, traits, hardening, user, timeZone };
  const digest = digestOf(
    canonicalJson({
      batteryVersion,
      hardening,
      scripts: names.map((name) => [name, digestOf(scripts.get(name) ?? '')]),
      shared: [shared, sharedRequest(cell)],
      alone: alone.map((run) => [run.id, run.request(cell)]),
    }),
  );
  const made: Battery = { suite: { id: `nodeworthy-${variant}`, origin: 'vendor', digest }, shared, alone };
  batteries.set(key, made);
  return made;
}

/** Digest of the test layer: the scripts. Its certificates live for one run and are left out. */
const layerDigest = digestOf(canonicalJson(names.map((name) => [name, digestOf(scripts.get(name) ?? '')])));

/** The test layer: scripts, what they are told, and a certificate authority of their own. */
export function batteryLayer(battery: Battery, now: Date): LayerFile[] {
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
    bytes: Buffer.from(JSON.stringify(battery.shared)),
  };
  return [...files, list, ...createTestAuthority(now)];
}

export interface BatteryTarget {
  readonly battery: Battery;
  readonly runtime: Runtime;
  /** The candidate with the battery's layer on it. */
  readonly environment: Environment;
  readonly cell: CheckedCell;
  readonly signal: AbortSignal;
}

/** Pieces of work that can run at once, each giving one or more cases. */
export function batteryJobs({
  battery,
  runtime,
  environment,
  cell,
  signal,
}: BatteryTarget): (() => Promise<TestCase[]>)[] {
  return [
    ...(battery.shared.length === 0
      ? []
      : [async () => readSharedCases(battery, (await runtime.run(environment, sharedRequest(cell), signal)).result)]),
    ...battery.alone.map((run) => async () => {
      const { result } = await runtime.run(environment, run.request(cell), signal);
      return [
        toCase(battery, run.id, {
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
export function readSharedCases(battery: Battery, result: RunResult): TestCase[] {
  const lines = new Map<string, SharedLine>();
  for (const line of result.stdout.split('\n')) {
    if (!line.startsWith(marker)) continue;
    const parsed = JSON.parse(line.slice(marker.length)) as SharedLine;
    lines.set(parsed.id, parsed);
  }
  return battery.shared.map(({ id }) => {
    const line = lines.get(id);
    const problems =
      line === undefined
        ? [
            `did not report: exit code ${result.exitCode}${result.timedOut ? ', timed out' : ''}: ${assertionOf(result.stderr)}`,
          ]
        : line.error === undefined
          ? []
          : [assertionOf(line.error)];
    return toCase(battery, id, {
      problems,
      durationMs: line?.ms ?? 0,
      exitCode: line === undefined ? result.exitCode : problems.length,
      output: line?.output ?? '',
      droppedBytes: 0,
    });
  });
}

function toCase(
  { suite }: Battery,
  id: string,
  outcome: Pick<TestCase, 'problems' | 'durationMs' | 'exitCode' | 'output' | 'droppedBytes'>,
): TestCase {
  const cut = Math.max(0, outcome.output.length - outputLimit);
  return {
    id,
    suite: suite.id,
    result: outcome.problems.length === 0 ? 'passed' : 'failed',
    ...outcome,
    durationMs: Math.round(outcome.durationMs),
    output: outcome.output.slice(0, outputLimit),
    droppedBytes: outcome.droppedBytes + cut,
    layer: layerDigest,
  };
}
