import type { ProgressEvent } from '../../core/events.ts';
import { visibleLine } from '../../core/visible.ts';
import { formatBytes, formatSeconds } from '../views/text.ts';
import type { Reporter } from './reporter.ts';

const heartbeatMs = 3000;

/** Plain lines for logs: each step once, and a sign of life when nothing ends for a while. */
export function createLineReporter(write: (line: string) => void): Reporter {
  const started = performance.now();
  const steps = new Map<string, string>();
  const running = new Map<string, { receivedBytes: number; totalBytes?: number; since: number }>();
  let lastLine = performance.now();
  function line(text: string): void {
    lastLine = performance.now();
    write(`[${((performance.now() - started) / 1000).toFixed(1).padStart(6)}] ${visibleLine(text)}\n`);
  }
  const timer = setInterval(() => {
    if (performance.now() - lastLine < heartbeatMs) return;
    const downloads = [...running].map(
      ([name, state]) =>
        `${name} ${formatBytes(state.receivedBytes)}${state.totalBytes ? ` of ${formatBytes(state.totalBytes)}` : ''} at ${rate(state)}`,
    );
    const cells = [...steps].filter(([, step]) => !finalSteps.has(step)).map(([cell, step]) => `${cell} ${step}`);
    line(`still working: ${[...downloads, ...cells].join(', ') || 'preparing'}`);
  }, 1000);
  timer.unref();
  return {
    report(event: ProgressEvent) {
      switch (event.kind) {
        case 'stage':
          line(`${event.stage} ${event.state}${event.detail ? `: ${event.detail}` : ''}`);
          break;
        case 'download': {
          const since = running.get(event.name)?.since ?? performance.now();
          const state = { receivedBytes: event.receivedBytes, totalBytes: event.totalBytes, since };
          if (!event.done) {
            running.set(event.name, state);
            break;
          }
          running.delete(event.name);
          line(`fetched ${event.name} (${formatBytes(event.receivedBytes)}, ${rate(state)})`);
          break;
        }
        case 'retry':
          line(`retry ${event.attempt} of ${event.name} in ${formatSeconds(event.waitMs / 1000)}: ${event.reason}`);
          break;
        case 'cell':
          if (steps.get(event.cell) === event.step) break;
          steps.set(event.cell, event.step);
          line(
            `${event.cell}: ${event.step}${finalSteps.has(event.step) && event.detail ? `: ${event.detail.split('\n')[0]}` : ''}`,
          );
          break;
        case 'upload':
          line(`upload ${event.name} (${formatBytes(event.sizeBytes)})`);
          break;
        case 'notice':
          line(event.text);
          break;
      }
    },
    stop: () => clearInterval(timer),
  };
}

export const finalSteps: ReadonlySet<string> = new Set([
  'built',
  'tested',
  'published',
  'unchanged',
  'failed',
  'untested',
  'blocked',
  'error',
]);

export function rate(state: { readonly receivedBytes: number; readonly since: number }): string {
  const seconds = (performance.now() - state.since) / 1000;
  return `${formatBytes(Math.round(state.receivedBytes / Math.max(seconds, 0.05)))}/s`;
}
