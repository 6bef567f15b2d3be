import { DockerfileParser, type Instruction } from 'dockerfile-ast';
import { Failure } from '../../core/errors.ts';

export interface Heredoc {
  readonly name: string;
  /** How it is announced, like `<<-"EOF"`. */
  readonly mark: string;
  readonly content: string;
  /** Whether variables in it are replaced: not when its name is quoted. */
  readonly expands: boolean;
}

/** One instruction of a Dockerfile, cut into its parts and not yet understood. */
export interface RawInstruction {
  readonly keyword: string;
  /** From 1. */
  readonly line: number;
  /** `--name=value` in front of the arguments; a flag may repeat. */
  readonly flags: readonly { readonly name: string; readonly value: string | undefined }[];
  /** Arguments on one line: continuations joined, comments inside of them left out. */
  readonly argument: string;
  readonly heredocs: readonly Heredoc[];
  /** The arguments with the heredocs, as they stand. */
  readonly script: string;
}

export interface RawDockerfile {
  readonly escape: '\\' | '`';
  readonly instructions: readonly RawInstruction[];
}

const withHeredocs = new Set(['RUN', 'COPY', 'ADD']);
const withFlags = new Set(['RUN', 'COPY', 'ADD', 'HEALTHCHECK']);

/**
 * Cuts a Dockerfile into instructions (Dockerfile reference 1.x): parser directives, continuations, comments, flags and
 * heredocs. The parser knows where an instruction begins and ends; what it says is read here.
 * @throws Failure RECIPE_INVALID names file and line of a heredoc without an end
 */
export function readInstructions(text: string, file: string): RawDockerfile {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const parsed = DockerfileParser.parse(lines.join('\n'));
  const escape = parsed.getEscapeCharacter() === '`' ? '`' : '\\';
  return { escape, instructions: parsed.getInstructions().map((found) => toRaw(found, { lines, escape, file })) };
}

interface Source {
  readonly lines: readonly string[];
  readonly escape: string;
  readonly file: string;
}

function toRaw(found: Instruction, { lines, escape, file }: Source): RawInstruction {
  const { start, end } = found.getRange();
  const keyword = found.getKeyword();
  const { text, count } = joinLines(lines.slice(start.line, end.line + 1), escape);
  const rest = text.slice(text.search(/\S/) + found.getInstruction().length).trim();
  const { flags, argument } = withFlags.has(keyword) ? takeFlags(rest) : { flags: [], argument: rest };
  let at = start.line + count;
  const heredocs: Heredoc[] = [];
  for (const { name, mark, isIndented, isQuoted } of marksOf(found, lines)) {
    const strip = (line: string): string => (isIndented ? line.replace(/^\t+/, '') : line);
    const last = lines.findIndex((line, index) => index >= at && strip(line) === name);
    if (last < 0)
      throw new Failure('RECIPE_INVALID', `${file}:${start.line + 1}: the heredoc ${name} has no end`, {
        hint: `end it with a line that is only ${name}`,
      });
    const content = lines
      .slice(at, last)
      .map((line) => `${strip(line)}\n`)
      .join('');
    heredocs.push({ name, mark, content, expands: !isQuoted });
    at = last + 1;
  }
  // A line that only one of the two readers takes for a continuation would be lost.
  const unread = lines.slice(at, end.line + 1).find((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
  if (unread !== undefined)
    throw new Failure('RECIPE_INVALID', `${file}:${start.line + 1}: it is not clear where this instruction ends`, {
      hint: `write ${JSON.stringify(unread.trim())} on a line of its own, after one without a trailing ${escape}`,
    });
  const script = heredocs.length === 0 ? argument : [argument, ...lines.slice(start.line + count, at)].join('\n');
  return { keyword, line: start.line + 1, flags, argument, heredocs, script };
}

interface Mark {
  readonly name: string;
  readonly mark: string;
  /** `<<-`: tabs in front of its lines are no part of them. */
  readonly isIndented: boolean;
  readonly isQuoted: boolean;
}

/** The parser has them for each instruction, and declares them for none. */
function marksOf(found: Instruction, lines: readonly string[]): Mark[] {
  if (!withHeredocs.has(found.getKeyword())) return [];
  const documents = (found as unknown as { getHeredocs(): ParsedHeredoc[] }).getHeredocs();
  return documents.map((document) => {
    const { start, end } = document.getStartRange();
    const mark = (lines[start.line] ?? '').slice(start.character, end.character);
    const [, dash = '', quote = '', name = ''] = /^<<(-?)(["']?)(.*?)["']?$/.exec(mark) ?? [];
    return { name, mark, isIndented: dash !== '', isQuoted: quote !== '' };
  });
}

interface ParsedHeredoc {
  getStartRange(): { start: { line: number; character: number }; end: { line: number; character: number } };
}

/** Continuations joined; comments and blank lines between them are passed over, as BuildKit does it. */
function joinLines(lines: readonly string[], escape: string): { readonly text: string; readonly count: number } {
  // BuildKit: a doubled escape character at the end of a line is no continuation.
  const mark = escape === '\\' ? '\\\\' : escape;
  const continued = new RegExp(`(^|[^${mark}])${mark}[ \\t]*$`);
  let text = '';
  for (const [index, line] of lines.entries()) {
    if (index > 0 && (line.trim() === '' || line.trimStart().startsWith('#'))) continue;
    text += line.replace(continued, '$1');
    if (!continued.test(line)) return { text, count: index + 1 };
  }
  return { text, count: lines.length };
}

function takeFlags(text: string): Pick<RawInstruction, 'flags' | 'argument'> {
  const flags: { name: string; value: string | undefined }[] = [];
  let left = text;
  for (;;) {
    const match = /^--([A-Za-z][\w-]*)(?:=("(?:[^"\\]|\\.)*"|\S*))?(?:\s+|$)/.exec(left);
    if (!match) return { flags, argument: left };
    flags.push({ name: String(match[1]), value: match[2]?.replace(/^"(.*)"$/s, '$1') });
    left = left.slice(match[0].length);
  }
}
