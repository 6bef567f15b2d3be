import { pathExpression } from '../../../../formats/dockerfile/path-patterns.ts';
import { findsPattern } from '../../../../formats/structure-test/go-text.ts';
import type { RunResult } from '../../../../runtimes/runtime.ts';
import { cutOutput } from '../../assertion-text.ts';
import { bytesOf, type RunTest } from './run-schema.ts';

export interface Ending {
  readonly stopped: boolean;
  /** It was given time to end, and did not. */
  readonly isLate: boolean;
  readonly allowedMs: number;
  /** The most it used; undefined where nobody knows. */
  readonly memory: number | undefined;
}

/** How a container ended against what was expected of it. */
export function judgeRun(
  { expect, timeoutSeconds }: RunTest,
  result: RunResult,
  { stopped, isLate, allowedMs, memory }: Ending,
): string[] {
  const problems: string[] = [];
  if (result.stopped !== undefined) problems.push(result.stopped);
  if (result.timedOut) problems.push(`did not end within ${timeoutSeconds} s`);
  else if (isLate) problems.push(`did not end within ${allowedMs / 1000} s after the last step`);
  const codes = expect.exitCode ?? [0];
  if (!stopped && !codes.includes(result.exitCode ?? -1))
    problems.push(`exit code ${result.exitCode}, expected ${codes.join(' or ')}`);
  for (const [patterns, text, where, isWanted] of [
    [expect.stdout, result.stdout, 'stdout', true],
    [expect.stderr, result.stderr, 'stderr', true],
    [expect.notStdout, result.stdout, 'stdout', false],
    [expect.notStderr, result.stderr, 'stderr', false],
  ] as const)
    for (const pattern of patterns) {
      const found = findsPattern(pattern, text);
      if (found === undefined) problems.push(`${JSON.stringify(pattern)} is no regular expression`);
      else if (found !== isWanted) problems.push(`${JSON.stringify(pattern)} is ${isWanted ? 'not ' : ''}in ${where}`);
    }
  if (expect.withinSeconds !== undefined && result.durationMs > expect.withinSeconds * 1000)
    problems.push(`took ${(result.durationMs / 1000).toFixed(1)} s, allowed ${expect.withinSeconds}`);
  if (expect.maxMemory !== undefined && memory === undefined)
    problems.push('ended before its memory could be looked at: give it a step that waits');
  if (expect.maxMemory !== undefined && memory !== undefined && memory > bytesOf(expect.maxMemory))
    problems.push(`used ${Math.round(memory / 1e6)} MB of memory, allowed ${expect.maxMemory}`);
  if (result.droppedBytes > 0 && expect.notStdout.length + expect.notStderr.length > 0)
    problems.push(cutOutput(result.droppedBytes));
  const allowed = expect.changes?.map(pathExpression);
  const { added = 0, changed = 0, removed = 0, paths = [] } = result.changes ?? {};
  if (allowed && (!result.changes || added + changed + removed > paths.length))
    problems.push(`changed ${added + changed + removed} files, of which ${paths.length} are known`);
  for (const line of allowed ? (result.changes?.paths ?? []) : []) {
    const [what, path = ''] = line.split(' /');
    // A folder counts as changed because something in it was.
    if (what === 'C' && result.changes?.paths.some((other) => other.includes(` /${path}/`))) continue;
    if (!allowed?.some((expression) => expression.test(`/${path}`))) problems.push(`/${path} was written`);
  }
  return problems;
}
