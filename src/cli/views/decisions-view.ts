import { shortDigest } from '../../core/digest.ts';
import type { ReviewedCell } from '../../pipeline-review.ts';
import { renderTable } from './text.ts';

/** The fixed shape of `--json`. */
export function decisionsJson(cells: readonly ReviewedCell[], unbuilt: readonly string[]): unknown {
  return {
    cells: cells.map(({ cell, gated }) => ({
      id: cell.id,
      digest: gated.input.image.index,
      environment: gated.decision.environment,
      result: gated.decision.result,
      verdicts: gated.decision.verdicts,
    })),
    unbuilt,
  };
}

/** What is open in a line each; what is not, with what to do. */
export function decisionsTable(cells: readonly ReviewedCell[], unbuilt: readonly string[]): string {
  const rows = cells.map(({ cell, gated }) => {
    const count = (result: string): string =>
      String(gated.decision.verdicts.filter((verdict) => verdict.result === result).length);
    return [
      cell.id,
      shortDigest(gated.input.image.index),
      gated.decision.result,
      count('allow'),
      count('warn'),
      count('wait'),
      count('deny'),
    ];
  });
  const details = cells.flatMap(({ cell, gated }) => {
    const open = gated.decision.verdicts.filter(({ result }) => result !== 'allow');
    return open.length === 0 ? [] : ['', cell.id, ...open.flatMap(verdictLines)];
  });
  return [
    renderTable(['cell', 'digest', 'result', 'allow', 'warn', 'wait', 'deny'], rows),
    ...details,
    ...(unbuilt.length > 0 ? ['', `not built yet: ${unbuilt.join(', ')}`] : []),
  ].join('\n');
}

export function verdictLines({
  gate,
  result,
  reason,
  fix,
}: ReviewedCell['gated']['decision']['verdicts'][number]): string[] {
  return [
    `  ${result.padEnd(5)} ${gate}: ${reason}`,
    ...(fix === undefined || result === 'allow' ? [] : [`        → ${fix}`]),
  ];
}
