import { formatSeconds } from '../views/text.ts';
import { changesText, countCases, problemText, type TestedImage } from './tested-image.ts';

/** The report that Dante wrote, for a wiki or a pull request: one table for all images, and what went wrong below it. */
export function markdownReport(images: readonly TestedImage[]): string {
  const rows = images.map(({ name, report }) => {
    const { passed, failed, flaky, notRun, notApplicable } = countCases(report.cases);
    const result = report.result === 'untested' ? `untested: ${report.reason ?? ''}` : report.result;
    return `| ${cell(name)} | ${report.platform} | ${cell(result)} | ${passed} | ${failed} | ${flaky} | ${notRun} | ${notApplicable} | ${formatSeconds(report.durationMs / 1000)} | \`${report.subject}\` |`;
  });
  const details = images.flatMap(({ name, report }) => {
    const troubles = report.cases.filter(({ result }) => result === 'failed' || result === 'flaky');
    if (troubles.length === 0) return [];
    return [
      '',
      `## ${name}, ${report.platform}`,
      ...troubles.flatMap((item) => [
        '',
        `### ${item.result}: ${item.id} (${item.suite})`,
        '',
        problemText(item),
        '',
        `Exit code ${item.exitCode ?? 'none'}, ${item.durationMs} ms, ${item.attempts.length} ${item.attempts.length === 1 ? 'attempt' : 'attempts'}; files: ${changesText(item)}${item.droppedBytes > 0 ? `; ${item.droppedBytes} bytes of output were not kept` : ''}.`,
        ...(item.output === '' ? [] : ['', fence(item.output), item.output.trimEnd(), fence(item.output)]),
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

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** Longer than any that the output has. */
function fence(output: string): string {
  const longest = Math.max(2, ...(output.match(/`+/g) ?? []).map((run) => run.length));
  return '`'.repeat(longest + 1);
}
