import { canonicalJson } from '../../../core/canonical-json.ts';
import { digestOf } from '../../../core/digest.ts';
import type { Environment, LayerFile, RunResult } from '../../../runtimes/runtime.ts';
import { assertionOf } from '../assertion-text.ts';
import {
  defaultSettings,
  type CaseOutcome,
  type NotApplicable,
  type TestJob,
  type TestSuite,
  type TestTarget,
} from '../suite.ts';
import { isMeantFor, whyNot } from './applicability.ts';
import { auditImage } from './audit/audit-image.ts';
import {
  audits,
  batteryVersion,
  containerRuns,
  sharedChecks,
  sharedRequest,
  type CheckedCell,
  type ContainerRun,
  type SharedCheck,
} from './battery.ts';
import { checkScripts } from './check-folders.ts';
import { createTestAuthority } from './test-authority.ts';

const names = [...checkScripts.keys()].sort();

/**
 * What one image has to pass, by name and by the digest of everything it demands, and what does not apply to it. The
 * digest does not know the release: cells of one variant whose releases can do the same share it.
 */
export function batterySuite(cell: CheckedCell): TestSuite {
  const meant = {
    shared: sharedChecks.filter((check) => isMeantFor(check, cell)),
    alone: containerRuns.filter((run) => isMeantFor(run, cell)),
    audits: audits.filter((audit) => isMeantFor(audit, cell)),
  };
  const notApplicable = [...meant.shared, ...meant.alone, ...meant.audits].flatMap((check): NotApplicable[] => {
    const reason = whyNot(check, cell);
    return reason === undefined ? [] : [{ id: check.id, reason }];
  });
  const shared = meant.shared.filter((check) => whyNot(check, cell) === undefined);
  const alone = meant.alone.filter((run) => whyNot(run, cell) === undefined);
  const audited = [
    ...meant.audits.filter((audit) => whyNot(audit, cell) === undefined).map(({ id }) => id),
    ...cell.hardening.map((rule) => `hardening/${rule}`),
  ];
  const any: CheckedCell = { ...cell, release: '', suite: '' };
  const digest = digestOf(
    canonicalJson({
      batteryVersion,
      scripts: names.map((name) => [name, digestOf(checkScripts.get(name) ?? '')]),
      shared: [shared, sharedRequest(any)],
      alone: alone.map((run) => [run.id, run.request(any)]),
      audits: [audited, cell.user, cell.hardening],
      notApplicable: notApplicable.map(({ id }) => id),
    }),
  );
  const jobs: TestJob[] = [
    {
      ids: shared.map(({ id }) => id),
      run: (target, ids) => runShared(target, { cell, shared, ids }),
    },
    ...alone.map((run): TestJob => ({ ids: [run.id], run: (target) => runAlone(target, { run, cell, shared }) })),
    { ids: audited, run: (target, ids) => auditImage(target, { cell, ids }) },
  ];
  return {
    suite: { id: `nodeworthy-${cell.variant}`, origin: 'vendor', kind: 'battery', digest },
    settings: defaultSettings,
    jobs: jobs.filter(({ ids }) => ids.length > 0),
    notApplicable,
  };
}

interface SharedRun {
  readonly cell: CheckedCell;
  readonly shared: readonly SharedCheck[];
  readonly ids: readonly string[];
}

/** One container for all; when a check ends the engine, that check failed, and the others go on in another container. */
async function runShared(target: TestTarget, { cell, shared, ids }: SharedRun): Promise<CaseOutcome[]> {
  const environment = await layered(target, shared);
  const outcomes: CaseOutcome[] = [];
  let open = ids;
  while (open.length > 0) {
    const request = { ...sharedRequest(cell), env: { ...sharedRequest(cell).env, ONLY: JSON.stringify(open) } };
    const { result } = await target.runtime.run(environment, request, target.context.signal);
    const reported = readReportedIds(result.stdout);
    const stopped = open.findIndex((id) => !reported.has(id));
    // A container that told of nothing, or ran out of time, tells the same the next time.
    const isOver = stopped < 0 || result.timedOut || !hasBegun(result.stdout);
    const judged = isOver ? open : open.slice(0, stopped + 1);
    outcomes.push(...readSharedCases(judged, result));
    open = isOver ? [] : open.slice(stopped + 1);
  }
  return outcomes;
}

async function runAlone(
  target: TestTarget,
  {
    run,
    cell,
    shared,
  }: { readonly run: ContainerRun; readonly cell: CheckedCell; readonly shared: readonly SharedCheck[] },
): Promise<CaseOutcome[]> {
  const environment = await layered(target, shared);
  const { result } = await target.runtime.run(environment, run.request(cell), target.context.signal);
  return [
    {
      id: run.id,
      problems: run.judge(result),
      durationMs: result.durationMs,
      exitCode: result.exitCode,
      output: result.stdout + result.stderr,
      droppedBytes: result.droppedBytes,
      ...(result.resources ? { resources: result.resources } : {}),
      layers: result.changes ? [result.changes] : [],
    },
  ];
}

/** The candidate with the battery's layer on it, made once for all of its containers. */
function layered(target: TestTarget, shared: readonly SharedCheck[]): Promise<Environment> {
  return target.sharedLayer('battery', () => batteryLayer(shared, target.context.verificationTime));
}

/** The test layer: scripts, what they are told, and a certificate authority of their own. */
function batteryLayer(shared: readonly SharedCheck[], now: Date): LayerFile[] {
  const plain = { kind: 'file', mode: 0o644, uid: 0, gid: 0 } as const;
  return [
    ...names.map((name): LayerFile => ({
      ...plain,
      path: `nodeworthy-test/${name}`,
      bytes: checkScripts.get(name) ?? Buffer.alloc(0),
    })),
    { ...plain, path: 'nodeworthy-test/shared.json', bytes: Buffer.from(JSON.stringify(shared)) },
    ...createTestAuthority(now),
  ];
}

interface SharedLine {
  readonly id: string;
  readonly ms: number;
  readonly output: string;
  readonly error?: string;
}

const marker = '@@nodeworthy-case ';

function readReportedIds(stdout: string): ReadonlySet<string> {
  return new Set(
    stdout
      .split('\n')
      .flatMap((line) => (line.startsWith(marker) ? [(JSON.parse(line.slice(marker.length)) as SharedLine).id] : [])),
  );
}

function hasBegun(stdout: string): boolean {
  return stdout.includes('@@nodeworthy-begin ');
}

/** One line of JSON per check; a check without a line did not get its turn, and that is a failure. */
export function readSharedCases(ids: readonly string[], result: RunResult): CaseOutcome[] {
  const lines = new Map<string, SharedLine>();
  for (const line of result.stdout.split('\n')) {
    if (!line.startsWith(marker)) continue;
    const parsed = JSON.parse(line.slice(marker.length)) as SharedLine;
    lines.set(parsed.id, parsed);
  }
  return ids.map((id) => {
    const line = lines.get(id);
    const problems =
      line === undefined
        ? [
            `did not report: exit code ${result.exitCode}${result.timedOut ? ', timed out' : ''}: ${assertionOf(result.stderr)}`,
          ]
        : line.error === undefined
          ? []
          : [assertionOf(line.error)];
    return {
      id,
      problems,
      durationMs: line?.ms ?? 0,
      exitCode: line === undefined ? result.exitCode : problems.length,
      output: line?.output ?? '',
      droppedBytes: 0,
      layers: result.changes ? [result.changes] : [],
      ...(result.resources ? { resources: result.resources } : {}),
    };
  });
}
