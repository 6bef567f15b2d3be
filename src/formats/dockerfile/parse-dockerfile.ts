import { Failure } from '../../core/errors.ts';

export type TestInstruction =
  | {
      readonly kind: 'copy';
      readonly line: number;
      readonly text: string;
      readonly sources: readonly string[];
      readonly target: string;
      readonly owner?: { uid: number; gid: number };
      readonly mode?: number;
    }
  | { readonly kind: 'run'; readonly line: number; readonly text: string; readonly args: readonly string[] }
  | { readonly kind: 'workdir'; readonly line: number; readonly text: string; readonly path: string }
  | {
      readonly kind: 'env';
      readonly line: number;
      readonly text: string;
      readonly variables: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'user'; readonly line: number; readonly text: string; readonly user: string };

/**
 * Reads a Dockerfile without `FROM`: its instructions are layers on the image under test. Known are COPY and ADD of
 * files beside it, RUN in both forms, WORKDIR, ENV and USER.
 * @throws Failure RECIPE_INVALID names the line
 */
export function parseTestDockerfile(text: string, file: string): TestInstruction[] {
  const instructions: TestInstruction[] = [];
  for (const { line, content } of logicalLines(text)) {
    const match = /^(\w+)\s+(.*)$/s.exec(content);
    const keyword = match?.[1]?.toUpperCase() ?? '';
    const rest = match?.[2]?.trim() ?? '';
    const at = { line, text: content };
    const wrong = (message: string, hint?: string): Failure =>
      new Failure('RECIPE_INVALID', `${file}:${line}: ${message}`, { hint });
    switch (keyword) {
      case 'FROM':
        throw wrong(
          'FROM does not belong in a test',
          'the test is stacked on the image under test; a second FROM would test something else',
        );
      case 'RUN':
        instructions.push({ kind: 'run', ...at, args: jsonArray(rest) ?? ['/bin/sh', '-c', rest] });
        break;
      case 'COPY':
      case 'ADD':
        instructions.push(parseCopy(rest, { at, keyword, wrong }));
        break;
      case 'WORKDIR':
        instructions.push({ kind: 'workdir', ...at, path: unquote(rest) });
        break;
      case 'USER':
        instructions.push({ kind: 'user', ...at, user: rest });
        break;
      case 'ENV':
        instructions.push({ kind: 'env', ...at, variables: parseVariables(rest, wrong) });
        break;
      default:
        throw wrong(
          `${keyword || JSON.stringify(content.slice(0, 40))} is not understood in a test`,
          'known are COPY, ADD, RUN, WORKDIR, ENV and USER',
        );
    }
  }
  return instructions;
}

/** Lines with their continuations joined; comments and blank lines inside of a continuation are passed over. */
function logicalLines(text: string): { line: number; content: string }[] {
  const result: { line: number; content: string }[] = [];
  let open: { line: number; content: string } | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) continue;
    const continues = /\\\s*$/.test(raw);
    const content = raw.replace(/\\\s*$/, '');
    open = open
      ? { line: open.line, content: `${open.content} ${content.trim()}` }
      : { line: index + 1, content: content.trim() };
    if (continues) continue;
    result.push(open);
    open = undefined;
  }
  if (open) result.push(open);
  return result;
}

interface CopyContext {
  readonly at: { readonly line: number; readonly text: string };
  readonly keyword: string;
  readonly wrong: (message: string, hint?: string) => Failure;
}

function parseCopy(rest: string, { at, keyword, wrong }: CopyContext): TestInstruction {
  let left = rest;
  const options: Record<string, string> = {};
  for (let match = /^--([a-z]+)=(\S+)\s+/.exec(left); match; match = /^--([a-z]+)=(\S+)\s+/.exec(left)) {
    options[String(match[1])] = String(match[2]);
    left = left.slice(match[0].length);
  }
  for (const name of Object.keys(options)) {
    if (name !== 'chown' && name !== 'chmod')
      throw wrong(`${keyword} --${name} is not understood in a test`, 'known are --chown=UID:GID and --chmod=MODE');
  }
  const words = jsonArray(left) ?? left.split(/\s+/).map(unquote);
  const target = words.at(-1);
  if (words.length < 2 || target === undefined) throw wrong(`${keyword} needs a source and a target`);
  for (const source of words.slice(0, -1)) {
    if (/^https?:|^git@/.test(source))
      throw wrong(`${keyword} cannot fetch ${source}: tests have no network`, 'put the file beside the Dockerfile');
    if (/[*?[]/.test(source))
      throw wrong(
        `${keyword} with a pattern (${source}) is not understood in a test`,
        'name the files, or copy their folder',
      );
    if (keyword === 'ADD' && /\.(?:tar|tgz|tar\.\w+)$/.test(source))
      throw wrong(`ADD does not unpack ${source} in a test`, 'unpack it beside the Dockerfile and use COPY');
  }
  const chown = /^(\d+)(?::(\d+))?$/.exec(options['chown'] ?? '0:0');
  if (!chown) throw wrong(`--chown=${options['chown']}: only numbers are understood`, 'write --chown=1000:1000');
  if (options['chmod'] !== undefined && !/^[0-7]{3,4}$/.test(options['chmod']))
    throw wrong(`--chmod=${options['chmod']} is no octal mode`);
  return {
    kind: 'copy',
    ...at,
    sources: words.slice(0, -1),
    target,
    owner: { uid: Number(chown[1]), gid: Number(chown[2] ?? chown[1]) },
    ...(options['chmod'] === undefined ? {} : { mode: Number.parseInt(options['chmod'], 8) }),
  };
}

function parseVariables(rest: string, wrong: (message: string) => Failure): Record<string, string> {
  const legacy = /^([A-Za-z_]\w*)\s+([^=].*)$/.exec(rest);
  if (legacy?.[1] && legacy[2]) return { [legacy[1]]: unquote(legacy[2]) };
  const variables: Record<string, string> = {};
  const pattern = /([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)\s*/gy;
  let end = 0;
  for (const match of rest.matchAll(pattern)) {
    variables[String(match[1])] = unquote(String(match[2]));
    end = match.index + match[0].length;
  }
  if (end !== rest.length || end === 0) throw wrong(`cannot read ENV ${JSON.stringify(rest)}`);
  return variables;
}

function jsonArray(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

function unquote(text: string): string {
  const match = /^"((?:[^"\\]|\\.)*)"$|^'([^']*)'$/.exec(text.trim());
  if (!match) return text.trim();
  return match[2] ?? (match[1] ?? '').replaceAll(/\\(.)/g, '$1');
}
