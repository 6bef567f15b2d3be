import { visible } from '../../core/visible.ts';
import { escapeMarkdown, formatSeconds } from '../views/text.ts';
import { changesText, countCases, problemText, type TestedImage } from './tested-image.ts';

/** The report that Dante wrote, for a wiki or a pull request: one table for all images, and what went wrong below it. */
export function markdownReport(images: readonly TestedImage[]): string {
  const rows = images.map(({ name, report }) => {
    const { passed, failed, flaky, notRun, notApplicable } = countCases(report.cases);
    const result = report.result === 'untested' ? `untested: ${report.reason ?? ''}` : report.result;
    return `| ${escapeMarkdown(name)} | ${report.platform} | ${escapeMarkdown(result)} | ${passed} | ${failed} | ${flaky} | ${notRun} | ${notApplicable} | ${formatSeconds(report.durationMs / 1000)} | \`${report.subject}\` |`;
  });
  const details = images.flatMap(({ name, report }) => {
    const troubles = report.cases.filter(({ result }) => result === 'failed' || result === 'flaky');
    if (troubles.length === 0) return [];
    return [
      '',
      `## ${escapeMarkdown(name)}, ${report.platform}`,
      ...troubles.flatMap((item) => [
        '',
        `### ${item.result}: ${escapeMarkdown(item.id)} (${escapeMarkdown(item.suite)})`,
        '',
        escapeMarkdown(problemText(item)),
        '',
        `Exit code ${item.exitCode ?? 'none'}, ${item.durationMs} ms, ${item.attempts.length} ${item.attempts.length === 1 ? 'attempt' : 'attempts'}; files: ${changesText(item)}${item.droppedBytes > 0 ? `; ${item.droppedBytes} bytes of output were not kept` : ''}.`,
        ...(item.output === '' ? [] : ['', fence(item.output), visible(item.output.trimEnd()), fence(item.output)]),
      ]),
    ];
  });
  return [
    '# Test report',
    '',
    '| image | platform | result | passed | failed | flaky | not run | n/a | time | digest |',
    '| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows,
    ...details,
    '',
  ].join('\n');
}

/** Longer than any that the output has. */
function fence(output: string): string {
  const longest = Math.max(2, ...(output.match(/`+/g) ?? []).map((run) => run.length));
  return '`'.repeat(longest + 1);
}
