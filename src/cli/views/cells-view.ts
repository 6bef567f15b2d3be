import { shortDigest } from '../../core/digest.ts';
import { failureCodes } from '../../core/errors.ts';
import type { CellResult } from '../../pipeline.ts';
import { countCases, passedText } from '../test-reports/tested-image.ts';
import { formatBytes, formatSeconds, renderTable } from './text.ts';

export interface CellsOutcome {
  readonly results: readonly CellResult[];
  readonly retries: number;
}

/** The fixed shape of `--json`: other programs rely on it. */
export function cellsJson({ results, retries }: CellsOutcome): unknown {
  return {
    /** Transient failures that were tried again. */
    retries,
    cells: results.map((result) => ({
      id: result.cell.id,
      outcome: result.outcome,
      ...(result.reason === undefined ? {} : { reason: result.reason }),
      seconds: Math.round(result.seconds * 1000) / 1000,
      ...(result.logPath === undefined ? {} : { log: result.logPath }),
      digest: result.candidate?.index.digest ?? null,
      verdicts: (result.gated?.decision.verdicts ?? []).map(({ gate, result: verdict, reason }) => ({
        gate,
        verdict,
        reason,
      })),
      platforms: (result.candidate?.platforms ?? []).map((platform) => {
        const report = result.reports.find((candidate) => candidate.platform.platform === platform.platform)?.report;
        return {
          platform: platform.platform,
          digest: platform.manifest.digest,
          sizeBytes: platform.sizeBytes,
          tests: countTests(report),
        };
      }),
      tags: result.receipts[0]?.tags ?? [],
      targets: result.receipts.map((receipt) => ({
        target: receipt.target,
        uploadedBytes: receipt.uploadedBytes,
        movedTags: receipt.movedTags.map((move) => move.tag),
      })),
    })),
  };
}

export function cellsTable({ results, retries }: CellsOutcome): string {
  const rows = results.map((result) => [
    result.cell.id,
    result.outcome,
    result.candidate ? shortDigest(result.candidate.index.digest) : '-',
    result.candidate
      ? formatBytes(result.candidate.platforms.reduce((sum, platform) => sum + platform.sizeBytes, 0))
      : '-',
    testsText(result),
    tagsText(result),
    formatSeconds(result.seconds),
  ]);
  const reasons = results.flatMap((result) =>
    result.reason === undefined
      ? []
      : [
          `${result.cell.id}: ${result.reason}${result.hint ? `\n  hint: ${result.hint}` : ''}${result.logPath ? `\n  log: ${result.logPath}` : ''}`,
        ],
  );
  return [
    renderTable(['cell', 'outcome', 'digest', 'size', 'tests', 'tags', 'time'], rows),
    ...(reasons.length > 0 ? ['', ...reasons] : []),
    ...(retries > 0 ? ['', `${retries} transient ${retries === 1 ? 'failure was' : 'failures were'} tried again`] : []),
  ].join('\n');
}

/** Trouble first; an image that only waits for people is no trouble, and not published either. */
export function exitOf(results: readonly CellResult[]): number {
  if (results.some(({ outcome }) => troubles.has(outcome))) return failureCodes.CELLS_FAILED.exit;
  return results.some(({ outcome }) => outcome === 'waiting') ? failureCodes.WAITING.exit : 0;
}

const troubles: ReadonlySet<string> = new Set(['failed', 'untested', 'denied', 'blocked', 'error']);

function testsText({ reports }: CellResult): string {
  if (reports.length === 0) return '-';
  return reports.map(({ report }) => (report.result === 'untested' ? 'untested' : passedText(report.cases))).join(' ');
}

/** The shortest tags are what people type. */
function tagsText({ receipts }: CellResult): string {
  const tags = [...(receipts[0]?.tags ?? [])];
  if (tags.length === 0) return '-';
  const shown = tags.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, 3);
  return `${shown.join(' ')}${tags.length > shown.length ? ` +${tags.length - shown.length}` : ''}`;
}

function countTests(report: CellResult['reports'][number]['report'] | undefined) {
  return countCases(report?.cases ?? []);
}
