import type { Report } from './events.ts';

/** What every stage gets from its caller: nothing below `cli` reads the clock, the environment or a signal by itself. */
export interface Context {
  /** The clock of decisions (phases, aliases, dates); `--now` sets it. */
  readonly now: Date;
  /** The real clock, for the age of signatures: no option sets it. */
  readonly verificationTime: Date;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** How many cells, layers or downloads are worked on at once. */
  readonly concurrency: number;
}
