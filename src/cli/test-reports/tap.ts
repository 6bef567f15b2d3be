import { visible, visibleLine } from '../../core/visible.ts';
import { problemText, type TestedImage } from './tested-image.ts';

/** TAP 14: one test point per case, with the problem as diagnostics. */
export function tapReport(images: readonly TestedImage[]): string {
  const cases = images.flatMap(({ name, report }) => report.cases.map((item) => ({ name, item })));
  const lines = cases.flatMap(({ name, item }, index) => {
    const title = escapeTap(`${name} ${item.suite} ${item.id}`);
    const skipped =
      item.result === 'not-run'
        ? ' # SKIP another one failed before'
        : item.result === 'not-applicable'
          ? ` # SKIP not applicable: ${escapeTap(problemText(item))}`
          : '';
    const isOk = ['passed', 'not-run', 'not-applicable'].includes(item.result);
    const point = `${isOk ? 'ok' : 'not ok'} ${index + 1} - ${title}${skipped}`;
    if (isOk) return [point];
    const details = {
      result: item.result,
      message: problemText(item),
      exitCode: item.exitCode,
      duration_ms: item.durationMs,
    };
    return [
      point,
      '  ---',
      ...Object.entries(details).map(([key, value]) => `  ${key}: ${visible(JSON.stringify(value))}`),
      '  ...',
    ];
  });
  return ['TAP version 14', `1..${cases.length}`, ...lines, ''].join('\n');
}

/** A description on one line, without a directive (TAP 14, "Escaping"). */
function escapeTap(text: string): string {
  return visibleLine(text.replaceAll('\\', '\\\\').replaceAll('#', '\\#'));
}
