import { escapeHtml } from '../views/text.ts';
import { countCases, problemText, type TestedImage } from './tested-image.ts';

/**
 * JUnit XML as build servers read it: a suite per image and suite, a case per case. A flaky case is a failure with that
 * type, as the gates take it; one that did not run, or does not apply, is skipped, and says why.
 */
export function junitReport(images: readonly TestedImage[]): string {
  const suites = images.flatMap(({ name, report }) =>
    report.suites.map(({ id }) => {
      const cases = report.cases.filter(({ suite }) => suite === id);
      const { failed, flaky, notRun, notApplicable } = countCases(cases);
      const seconds = (ms: number): string => (ms / 1000).toFixed(3);
      const inside = cases.map((item) => {
        const problem =
          item.result === 'failed' || item.result === 'flaky'
            ? `<failure type="${item.result}" message="${attribute(problemText(item))}"/>`
            : item.result === 'not-run'
              ? '<skipped/>'
              : item.result === 'not-applicable'
                ? `<skipped message="${attribute(`not applicable: ${problemText(item)}`)}"/>`
                : '';
        const cut = item.droppedBytes > 0 ? `\n[${item.droppedBytes} bytes more were not kept]` : '';
        const output = item.output === '' ? '' : `<system-out>${text(item.output + cut)}</system-out>`;
        return `<testcase classname="${attribute(`${name}.${id}`)}" name="${attribute(item.id)}" time="${seconds(item.durationMs)}">${problem}${output}</testcase>`;
      });
      const time = seconds(cases.reduce((sum, { durationMs }) => sum + durationMs, 0));
      return `<testsuite name="${attribute(`${name} ${report.platform} ${id}`)}" tests="${cases.length}" failures="${failed + flaky}" errors="0" skipped="${notRun + notApplicable}" time="${time}" timestamp="${report.startedAt}"><properties><property name="subject" value="${report.subject}"/><property name="runtime" value="${attribute(`${report.runtime.name} ${report.runtime.version}`)}"/></properties>\n${inside.join('\n')}\n</testsuite>`;
    }),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`;
}

/** Control characters have no place in XML 1.0, not even escaped. */
function text(value: string): string {
  return escapeHtml(Array.from(value, (character) => (isAllowed(character) ? character : '\uFFFD')).join(''));
}

function isAllowed(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return (
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 32 && code !== 0xfffe && code !== 0xffff && !(code >= 0xd800 && code <= 0xdfff))
  );
}

function attribute(value: string): string {
  return text(value).replaceAll('\n', '&#10;');
}
