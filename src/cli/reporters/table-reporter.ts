import type { ProgressEvent } from '../../core/events.ts';
import { visibleLine } from '../../core/visible.ts';
import { clip, formatBytes } from '../views/text.ts';
import { finalSteps, rate } from './line-reporter.ts';
import type { Reporter } from './reporter.ts';

const frames = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'];
const redrawMs = 120;

interface Terminal {
  readonly columns: number;
  /** Lines of the screen: a longer table could not be drawn over. */
  readonly rows: number;
  write(text: string): void;
}

/** A live table on a terminal: downloads with bytes and rates, and a row per cell. */
export function createTableReporter(terminal: Terminal): Reporter {
  const started = performance.now();
  const downloads = new Map<string, { receivedBytes: number; totalBytes?: number; since: number }>();
  const cells = new Map<string, CellState>();
  let fetched = 0;
  let fetchedBytes = 0;
  let stage = 'starting';
  let drawn = 0;
  let frame = 0;
  const timer = setInterval(draw, redrawMs);
  timer.unref();

  function draw(): void {
    frame++;
    const lines = rows();
    terminal.write(
      `${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `\u001b[2K${clip(visibleLine(line), terminal.columns - 1)}\n`).join('')}\u001b[J`,
    );
    drawn = lines.length;
  }

  function rows(): string[] {
    const spin = frames[frame % frames.length] ?? '';
    const head = `${spin} ${stage}  ${((performance.now() - started) / 1000).toFixed(0)} s${fetched > 0 ? `  ${fetched} inputs fetched, ${formatBytes(fetchedBytes)}` : ''}`;
    const loading = [...downloads].map(
      ([name, state]) =>
        `  ↓ ${name}  ${formatBytes(state.receivedBytes)}${state.totalBytes ? ` of ${formatBytes(state.totalBytes)}` : ''}  ${rate(state)}`,
    );
    const width = Math.max(0, ...[...cells.keys()].map((cell) => cell.length));
    const shown = chooseRows(cells, Math.max(3, terminal.rows - 3 - loading.length));
    const working = shown.map(([cell, state]) => {
      const mark = finalSteps.has(state.step) ? (troubles.has(state.step) ? '✗' : '✓') : spin;
      const seconds = state.seconds ?? (performance.now() - state.since) / 1000;
      return `  ${mark} ${cell.padEnd(width)}  ${state.step.padEnd(9)}  ${seconds.toFixed(1)} s  ${state.detail?.split('\n')[0] ?? ''}`;
    });
    const hidden = cells.size - shown.length;
    return [head, ...loading, ...working, ...(hidden > 0 ? [`  and ${hidden} more: ${countSteps(cells)}`] : [])];
  }

  return {
    report(event: ProgressEvent) {
      switch (event.kind) {
        case 'stage':
          stage = event.detail ? `${event.stage}: ${event.detail}` : event.stage;
          break;
        case 'download':
          if (event.done) {
            downloads.delete(event.name);
            fetched++;
            fetchedBytes += event.receivedBytes;
          } else
            downloads.set(event.name, {
              receivedBytes: event.receivedBytes,
              totalBytes: event.totalBytes,
              since: downloads.get(event.name)?.since ?? performance.now(),
            });
          break;
        case 'cell': {
          stage = 'cells';
          const since = cells.get(event.cell)?.since ?? performance.now();
          cells.set(event.cell, {
            step: event.step,
            detail: event.detail,
            since,
            ...(finalSteps.has(event.step) ? { seconds: (performance.now() - since) / 1000 } : {}),
          });
          break;
        }
        case 'retry':
          stage = `retry ${event.attempt}: ${event.name}: ${event.reason}`;
          break;
        case 'upload':
          stage = `uploading ${formatBytes(event.sizeBytes)}`;
          break;
        case 'notice':
          stage = event.text;
          break;
      }
    },
    stop() {
      clearInterval(timer);
      if (cells.size > 0 || fetched > 0) draw();
    },
  };
}

type CellState = { step: string; detail?: string; since: number; seconds?: number };

const troubles = new Set(['failed', 'error', 'blocked', 'untested']);

/** What is worked on and what went wrong comes first when there is no room for all. */
function chooseRows(cells: ReadonlyMap<string, CellState>, room: number): [string, CellState][] {
  const all = [...cells];
  if (all.length <= room) return all;
  const rank = ({ step }: CellState): number => (troubles.has(step) ? 1 : finalSteps.has(step) ? 2 : 0);
  return all.sort(([, a], [, b]) => rank(a) - rank(b) || b.since - a.since).slice(0, room - 1);
}

/** `12 published, 3 test, 1 failed` */
function countSteps(cells: ReadonlyMap<string, CellState>): string {
  const counts = new Map<string, number>();
  for (const { step } of cells.values()) counts.set(step, (counts.get(step) ?? 0) + 1);
  return [...counts].map(([step, count]) => `${count} ${step}`).join(', ');
}
