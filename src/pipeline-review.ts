import { mapConcurrent } from './core/concurrency.ts';
import { isFailure } from './core/errors.ts';
import { gate, openJudging, type CertifiedCell, type Judging, type EvidenceInput } from './pipeline-evidence.ts';
import { loadSuites, makeCandidate } from './pipeline-cells.ts';
import { chooseCells, planLocked } from './pipeline-plan.ts';
import { notBuilt } from './stages/assemble/assemble-cell.ts';
import type { GatedCell } from './stages/gate/gate-cell.ts';
import { suiteNames } from './stages/test/test-candidate.ts';

export interface ReviewedCell extends Omit<CertifiedCell, 'reports'> {
  readonly gated: GatedCell;
}

export interface Review {
  readonly cells: readonly ReviewedCell[];
  /** Cells that were not built yet: there is nothing to say of them. */
  readonly unbuilt: readonly string[];
  readonly judging: Judging;
}

/** Asks the gates about what is in the store now; builds nothing, tests nothing, signs nothing. */
export async function reviewCells(
  input: EvidenceInput,
  pattern: string | undefined,
  now: Date = input.context.now,
): Promise<Review> {
  const suites = await loadSuites(input, 'publish');
  const judging = await openJudging(input);
  const unbuilt: string[] = [];
  const cells = chooseCells(planLocked(input), pattern);
  const sandbox = async (): Promise<never> => {
    throw notBuilt('a system');
  };
  const quiet = { ...input, context: { ...input.context, report: () => {} } };
  const reviewed = await mapConcurrent(cells, 2, async (cell): Promise<ReviewedCell | undefined> => {
    try {
      const candidate = await makeCandidate(quiet, cell, { sandbox, knownOnly: true });
      const tests = await suites.of(cell);
      const job = { cell, candidate, reports: [], suitesFor: (platform: string) => suiteNames(tests(platform)) };
      return { ...job, gated: await gate(input, judging, job, now) };
    } catch (error) {
      if (!isFailure(error, 'NOT_FOUND') && !isFailure(error, 'LOCK_OUTDATED')) throw error;
      unbuilt.push(cell.id);
      return undefined;
    }
  });
  return { cells: reviewed.flatMap((item) => item ?? []), unbuilt: unbuilt.sort(), judging };
}
