/** A test that a script reports. */
export interface ReportedCase {
  readonly name: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  readonly message: string;
}

/** Whether a text looks like TAP: its version line, a plan or a test point at the start of a line. */
export function looksLikeTap(text: string): boolean {
  return /^(?:TAP version \d+|1\.\.\d+|(?:not )?ok \d+\b.*)\s*$/m.test(text);
}

interface Point {
  readonly indent: number;
  readonly name: string;
  readonly result: ReportedCase['result'];
  message: string;
}

/**
 * Test points of TAP 13 and 14, with subtests: a parent that only says what its children said is left out.
 * Source: the TAP 14 specification.
 * @param planned set when a plan was seen and fewer points came: the rest did not run
 */
export function readTap(text: string): { readonly cases: readonly ReportedCase[]; readonly missing: number } {
  const open: Point[] = [];
  const cases: ReportedCase[] = [];
  let planned: number | undefined;
  let top = 0;
  let bailed: string | undefined;
  for (const line of text.split('\n')) {
    const indent = line.search(/\S/);
    const content = line.trim();
    const plan = /^1\.\.(\d+)/.exec(content);
    if (plan && indent === 0) planned = Number(plan[1]);
    if (content.startsWith('Bail out!')) bailed = content;
    const point = /^(not )?ok\b(?:\s+\d+)?(?:\s+-)?\s*(.*)$/.exec(content);
    if (!point) {
      const last = open.at(-1);
      const detail = /^(?:error|message): (.+)$/.exec(content);
      if (last?.result !== 'failed' || content === '') continue;
      // The text of a block scalar follows on the next line.
      if (/^[|>]/.test(last.message)) last.message = content;
      else if (last.message === '' && detail) last.message = unquote(String(detail[1]));
      continue;
    }
    if (indent === 0) top++;
    // A directive is a word of its own; `# skipped` and `#todolist` belong to the description.
    const [, name = '', directive] = /^(.*?)(?:\s*#\s*(skip|todo)(?:\s.*)?)?$/is.exec(String(point[2])) ?? [];
    const isSkipped = directive !== undefined;
    open.push({ indent, name, result: isSkipped ? 'skipped' : point[1] ? 'failed' : 'passed', message: '' });
    // Points further in that came before are children of this one.
    const children = takeChildren(open, indent);
    for (const child of children) cases.push({ ...plainOf(child), name: `${name} > ${child.name}` });
    const parent = open.at(-1);
    if (
      children.length > 0 &&
      parent &&
      (parent.result !== 'failed' || children.some(({ result }) => result === 'failed'))
    )
      open.pop();
  }
  cases.push(...open.map(plainOf));
  if (bailed !== undefined) cases.push({ name: 'Bail out', result: 'failed', message: bailed });
  // Without a plan nobody knows whether the last test was the last: one more is missing.
  return { cases, missing: planned === undefined ? 1 : Math.max(0, planned - top) };
}

function takeChildren(open: Point[], indent: number): Point[] {
  const self = open.pop();
  const children: Point[] = [];
  for (let last = open.at(-1); last && last.indent > indent; last = open.at(-1)) {
    children.unshift(last);
    open.pop();
  }
  if (self) open.push(self);
  return children;
}

function plainOf({ name, result, message }: Point): ReportedCase {
  return { name, result, message };
}

function unquote(text: string): string {
  return text.replace(/^(['"])(.*)\1$/s, '$2');
}
