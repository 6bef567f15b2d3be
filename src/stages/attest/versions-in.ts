import type { TestReport } from '../test/report.ts';

/** `process.versions`, which the check of the version prints in the image itself. */
export function versionsIn(report: TestReport | undefined): Record<string, string> {
  const output = report?.cases.find(({ id }) => id === 'version')?.output ?? '';
  const line = output.split('\n').find((text) => text.startsWith('process.versions '));
  try {
    return JSON.parse(line?.slice('process.versions '.length) ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
}
