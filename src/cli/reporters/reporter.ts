import type { ProgressEvent } from '../../core/events.ts';

export interface Reporter {
  report(event: ProgressEvent): void;
  /** Ends the progress, so that a result can be printed. */
  stop(): void;
}

export const silentReporter: Reporter = { report: () => {}, stop: () => {} };
