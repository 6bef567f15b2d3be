import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './core/files.ts';
import type { ProgressEvent, Report } from './core/events.ts';
import type { CellResult } from './cell-result.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';

/** Attempts of a cell whose logs are kept. */
const keptAttempts = 20;

export interface RunHistory {
  /** Passes events on, and remembers what belongs to a cell. */
  readonly report: Report;
  /** What happened to a cell, and in the whole run meanwhile, with the seconds since the start. */
  linesOf(cell: string): readonly string[];
}

export function recordHistory(report: Report): RunHistory {
  const started = performance.now();
  const events: { readonly seconds: number; readonly event: ProgressEvent }[] = [];
  return {
    report(event) {
      if (['cell', 'retry', 'notice'].includes(event.kind))
        events.push({ seconds: (performance.now() - started) / 1000, event });
      report(event);
    },
    linesOf: (cell) =>
      events.flatMap(({ seconds, event }) => {
        const text = textOf(event, cell);
        return text === undefined ? [] : [`[${seconds.toFixed(1).padStart(7)}] ${text}`];
      }),
  };
}

function textOf(event: ProgressEvent, cell: string): string | undefined {
  switch (event.kind) {
    case 'cell':
      return event.cell === cell ? `${event.step}${event.detail ? `: ${event.detail}` : ''}` : undefined;
    case 'retry':
      return `retry ${event.attempt} of ${event.name} in ${Math.round(event.waitMs)} ms: ${event.reason}`;
    case 'notice':
      return event.text;
    case 'stage':
    case 'download':
    case 'upload':
      return undefined;
  }
}

/**
 * Keeps what happened in one attempt at a cell beside the store: steps, retries, every test with its output where it
 * failed, and why it ended as it did.
 * @returns the log's path
 */
export async function writeCellLog(
  store: LayoutStore,
  result: CellResult,
  { startedAt, lines }: { readonly startedAt: Date; readonly lines: readonly string[] },
): Promise<string> {
  const folder = join(store.stateFolder, 'logs', result.cell.id);
  const path = join(folder, `${startedAt.toISOString().replaceAll(/[:.]/g, '-')}-${process.pid}.log`);
  const cases = result.reports.flatMap(({ platform, report, reused }) => [
    '',
    `${platform.platform} ${platform.manifest.digest}: ${report.result}${reused ? ', passed earlier' : ''}${report.reason ? `: ${report.reason}` : ''}`,
    ...report.cases.flatMap((item) => [
      `  ${item.result} ${item.id} (${item.durationMs} ms)`,
      ...(item.result === 'passed'
        ? []
        : [item.reason ?? '', ...item.problems, item.output].map((text) => indent(text))),
    ]),
  ]);
  const text = [
    `${result.cell.id}: ${result.outcome} after ${result.seconds.toFixed(1)} s, started ${startedAt.toISOString()}`,
    ...(result.candidate ? [`candidate ${result.candidate.index.digest}`] : []),
    ...(result.reason === undefined ? [] : [`reason: ${result.reason}`]),
    ...(result.hint === undefined ? [] : [`hint: ${result.hint}`]),
    '',
    ...lines,
    ...cases,
    ...(result.output === undefined ? [] : ['', ...result.output]),
    '',
  ].join('\n');
  await writeFileAtomic(path, text);
  const older = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
  for (const name of older.slice(0, -keptAttempts)) await rm(join(folder, name), { force: true });
  return path;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n');
}
