import { readFileSync } from 'node:fs';
import { canonicalJson } from '../../../core/canonical-json.ts';
import { digestOf } from '../../../core/digest.ts';
import type { Environment, LayerFile, Runtime } from '../../../runtimes/runtime.ts';
import type { Suite, TestCase } from '../report.ts';
import { batteryChecks, batteryVersion, type BatteryCheck, type CheckedCell, type CheckRun } from './battery.ts';
import { createTestAuthority } from './test-authority.ts';

const suiteId = 'nodeworthy-runtime';
const scripts = new Map(
  batteryChecks.map((check) => [check.script, readFileSync(new URL(`./${check.script}`, import.meta.url))]),
);

/** The battery by name and by the digest of everything it demands. */
export const batterySuite: Suite = {
  id: suiteId,
  origin: 'vendor',
  digest: digestOf(
    canonicalJson({
      batteryVersion,
      checks: batteryChecks.map((check) => ({
        id: check.id,
        script: digestOf(scripts.get(check.script) ?? ''),
        runs: check.runs.map((run) => ({ name: run.name, request: run.request({ release: '', suite: '' }) })),
      })),
    }),
  ),
};

export interface BatteryJob {
  readonly check: BatteryCheck;
  readonly run: CheckRun;
  readonly id: string;
}

export const batteryJobs: readonly BatteryJob[] = batteryChecks.flatMap((check) =>
  check.runs.map((run) => ({ check, run, id: run.name === undefined ? check.id : `${check.id}/${run.name}` })),
);

/** One test layer for all checks of a cell would let them see each other: each script gets a layer of its own. */
export function prepareBattery(now: Date): { layerFor: (check: BatteryCheck) => LayerFile[] } {
  const authority = createTestAuthority(now);
  return {
    layerFor(check) {
      const script: LayerFile = {
        path: 'nodeworthy-test/check.mjs',
        kind: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        bytes: scripts.get(check.script) ?? Buffer.alloc(0),
      };
      return check.id === 'tls-store' ? [script, ...authority.common, ...authority.store] : [script];
    },
  };
}

export async function runBatteryJob(
  runtime: Runtime,
  environment: Environment,
  options: {
    readonly job: BatteryJob;
    readonly cell: CheckedCell;
    readonly layer: readonly LayerFile[];
    readonly signal: AbortSignal;
  },
): Promise<TestCase> {
  const { job, cell, layer, signal } = options;
  const { result } = await runtime.run(environment, job.run.request(cell), signal);
  const problems = job.run.judge(result);
  return {
    id: job.id,
    suite: suiteId,
    result: problems.length === 0 ? 'passed' : 'failed',
    durationMs: Math.round(result.durationMs),
    exitCode: result.exitCode,
    problems,
    output: `${result.stdout}${result.stderr}`.slice(0, 16_384),
    droppedBytes: result.droppedBytes,
    layer: digestOf(
      canonicalJson(
        layer.map(({ path, mode, bytes }) => [path, mode, digestOf(path.endsWith('.mjs') ? (bytes ?? '') : '')]),
      ),
    ),
  };
}
