import type { Candidate } from './stages/assemble/assemble-cell.ts';
import type { GatedCell } from './stages/gate/gate-cell.ts';
import type { PlannedCell } from './stages/plan/cell.ts';
import type { TargetReceipt } from './stages/publish/publish-cell.ts';
import type { PlatformReport } from './stages/test/test-candidate.ts';

/** How far each cell goes: `run` is `publish`. */
export type Goal = 'build' | 'test' | 'publish';

/** `denied`: a gate says no; `waiting`: only people have not said yes. Both keep the tags where they are. */
export type Outcome =
  | 'built'
  | 'tested'
  | 'published'
  | 'unchanged'
  | 'waiting'
  | 'failed'
  | 'untested'
  | 'denied'
  | 'blocked'
  | 'error';

export interface CellResult {
  readonly cell: PlannedCell;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly startedAtMs: number;
  /** Why it did not reach the goal. */
  readonly reason?: string;
  readonly hint?: string;
  /** Last lines of whatever failed, for the log. */
  readonly output?: readonly string[];
  /** Where the log of this attempt is. */
  readonly logPath?: string;
  readonly candidate?: Candidate;
  readonly reports: readonly PlatformReport[];
  /** What the gates said, and about what. */
  readonly gated?: GatedCell;
  readonly receipts: readonly TargetReceipt[];
}
