import sax from 'sax';
import type { ReportedCase } from './read-tap.ts';

export function looksLikeJunit(text: string): boolean {
  return /^\s*(?:<\?xml[^>]*>\s*)?<testsuites?[\s>]/.test(text);
}

/**
 * Cases of a JUnit report, as most test runners write it.
 * @throws SyntaxError when it is no XML
 */
export function readJunit(text: string): readonly ReportedCase[] {
  const cases: { name: string; result: ReportedCase['result']; message: string }[] = [];
  const parser = sax.createStream(true);
  let inProblem = false;
  parser.on('opentag', ({ name, attributes }) => {
    const current = cases.at(-1);
    const attribute = (key: string): string => String(attributes[key] ?? '');
    if (name === 'testcase')
      cases.push({
        name: [attribute('classname'), attribute('name')].filter(Boolean).join(' > '),
        result: 'passed',
        message: '',
      });
    else if (current && (name === 'failure' || name === 'error')) {
      current.result = 'failed';
      current.message = attribute('message');
      inProblem = true;
    } else if (current && name === 'skipped' && current.result === 'passed') current.result = 'skipped';
  });
  parser.on('text', (content) => {
    const current = cases.at(-1);
    if (inProblem && current?.message === '') current.message = content.trim().slice(0, 600);
  });
  parser.on('closetag', () => (inProblem = false));
  let problem: Error | undefined;
  parser.on('error', (error) => (problem ??= error));
  parser.write(Buffer.from(text));
  parser.end();
  if (problem) throw new SyntaxError(problem.message);
  return cases;
}
