import type { TestCase, TestReport } from '../../stages/test/report.ts';

/** A report, and what people call the image that it is about. */
export interface TestedImage {
  readonly name: string;
  readonly report: TestReport;
}

export function countCases(cases: readonly Pick<TestCase, 'result'>[]) {
  const count = (result: TestCase['result']): number => cases.filter((item) => item.result === result).length;
  return {
    passed: count('passed'),
    failed: count('failed'),
    flaky: count('flaky'),
    notRun: count('not-run'),
    notApplicable: count('not-applicable'),
  };
}

/** How many of the cases that apply passed, and how many do not apply. */
export function passedText(cases: readonly Pick<TestCase, 'result'>[], of = '/'): string {
  const { passed, notApplicable } = countCases(cases);
  const left = notApplicable > 0 ? `, ${notApplicable} n/a` : '';
  return `${passed}${of}${cases.length - notApplicable}${left}`;
}

/** What was wrong with a case; why it is flaky, when it is. */
export function problemText(item: TestCase): string {
  if (item.result === 'not-applicable') return item.reason ?? '';
  if (item.result !== 'flaky') return item.problems.join('; ');
  const first = item.attempts.find(({ result }) => result === 'failed');
  return `passed on attempt ${item.attempts.length}; before: ${first?.problems.join('; ') ?? ''}`;
}

/** What the layers of a case changed, in a few words. */
export function changesText({ layers }: TestCase): string {
  const total = { added: 0, changed: 0, removed: 0 };
  for (const layer of layers) {
    total.added += layer.added;
    total.changed += layer.changed;
    total.removed += layer.removed;
  }
  return `${total.added} added, ${total.changed} changed, ${total.removed} removed`;
}
