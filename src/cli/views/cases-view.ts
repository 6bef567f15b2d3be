import { changesText, countCases, problemText, type TestedImage } from '../test-reports/tested-image.ts';
import { formatSeconds, renderTable } from './text.ts';

export type ImageOutcome = TestedImage;

/** The fixed shape of `--json`: other programs rely on it. */
export function casesJson({ name, report }: ImageOutcome): unknown {
  const { passed, failed, flaky, notRun } = countCases(report.cases);
  return {
    passed,
    failed,
    flaky,
    notRun,
    result: report.result,
    ...(report.reason === undefined ? {} : { reason: report.reason }),
    image: name,
    digest: report.subject,
    platform: report.platform,
    runtime: report.runtime,
    seconds: report.durationMs / 1000,
    cases: report.cases.map((item) => ({
      name: item.id,
      suite: item.suite,
      origin: report.suites.find(({ id }) => id === item.suite)?.origin ?? 'client',
      result: item.result,
      attempts: item.attempts.length,
      seconds: item.durationMs / 1000,
      exitCode: item.exitCode,
      problems: item.problems,
    })),
  };
}

export function casesTable({ name, report }: ImageOutcome): string {
  const { passed, failed, flaky, notRun } = countCases(report.cases);
  const rows = report.cases.map((item) => [
    item.result,
    item.suite,
    item.id,
    formatSeconds(item.durationMs / 1000),
    changesText(item),
  ]);
  const troubles = report.cases.filter(({ result }) => result === 'failed' || result === 'flaky');
  const others = [...(flaky ? [`${flaky} flaky`] : []), ...(notRun ? [`${notRun} not run`] : [])]
    .map((text) => `, ${text}`)
    .join('');
  return [
    ...(rows.length > 0 ? [renderTable(['result', 'suite', 'case', 'time', 'files'], rows), ''] : []),
    ...troubles.flatMap((item) => [`${item.id} (${item.suite}): ${problemText(item)}`, ...lastLines(item.output), '']),
    `${name}  ${report.platform}  ${report.subject}`,
    report.result === 'untested'
      ? `untested: ${report.reason ?? ''}`
      : `${passed} passed, ${failed} failed${others} in ${formatSeconds(report.durationMs / 1000)} with ${report.runtime.name} ${report.runtime.version}`,
  ].join('\n');
}

function lastLines(output: string): string[] {
  const lines = output.trimEnd().split('\n');
  const kept = lines.slice(-20).map((line) => `  ${line}`);
  return lines.length > 20 ? [`  … ${lines.length - 20} lines before`, ...kept] : output === '' ? [] : kept;
}
