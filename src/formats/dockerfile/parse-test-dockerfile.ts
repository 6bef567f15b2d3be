import { Failure } from '../../core/errors.ts';
import { splitWords } from './expand-words.ts';
import { readInstructions, type Heredoc, type RawInstruction } from './read-instructions.ts';

/** A folder that a RUN sees while it runs. */
export interface RunMount {
  readonly type: 'bind' | 'cache' | 'tmpfs';
  readonly target: string;
  readonly source: string;
  readonly readOnly: boolean;
}

export interface CopyInstruction {
  readonly kind: 'copy';
  /** ADD unpacks archives. */
  readonly unpacks: boolean;
  /** Words of the context, not yet expanded. */
  readonly sources: readonly string[];
  readonly documents: readonly Heredoc[];
  readonly target: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly excludes: readonly string[];
  /** Keeps the folders of a source. */
  readonly parents: boolean;
}

export interface RunInstruction {
  readonly kind: 'run';
  readonly form: 'shell' | 'exec';
  /** Words of the exec form, or the script as its only element. */
  readonly args: readonly string[];
  /** What the program reads from stdin. */
  readonly input?: string;
  readonly mounts: readonly RunMount[];
}

export interface WorkdirInstruction {
  readonly kind: 'workdir';
  readonly value: string;
}

/** Instructions that make a layer. */
export type LayerInstruction = CopyInstruction | RunInstruction | WorkdirInstruction;

/** Words in it are as they are written: variables are replaced when the test is run, with what is set by then. */
export type TestInstruction = {
  readonly line: number;
  readonly text: string;
} & (
  | LayerInstruction
  | { readonly kind: 'env' | 'label'; readonly pairs: readonly (readonly [name: string, value: string])[] }
  | { readonly kind: 'arg'; readonly pairs: readonly (readonly [name: string, value: string | undefined])[] }
  | { readonly kind: 'user' | 'stopsignal'; readonly value: string }
  | { readonly kind: 'expose' | 'volume'; readonly values: readonly string[] }
  | { readonly kind: 'shell' | 'cmd' | 'entrypoint'; readonly args: readonly string[]; readonly form: 'shell' | 'exec' }
  /** Says something about images made of this one, or about health: nothing to do here, but to be written well. */
  | { readonly kind: 'noted' }
);

export interface TestDockerfile {
  readonly escape: '\\' | '`';
  readonly instructions: readonly TestInstruction[];
}

type Wrong = (message: string, hint?: string) => Failure;

const keywords =
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR';

/**
 * Reads a Dockerfile without `FROM`: its instructions are layers on the image under test.
 * @throws Failure RECIPE_INVALID names file, line and reason
 */
export function parseTestDockerfile(text: string, file: string): TestDockerfile {
  const { escape, instructions } = readInstructions(text, file);
  return {
    escape,
    instructions: instructions.map((raw): TestInstruction => {
      const wrong: Wrong = (message, hint) =>
        new Failure('RECIPE_INVALID', `${file}:${raw.line}: ${message}`, { ...(hint ? { hint } : {}) });
      const text = `${raw.keyword} ${raw.flags.map(({ name, value }) => `--${name}${value === undefined ? '' : `=${value}`} `).join('')}${raw.script}`;
      return { line: raw.line, text: text.trim(), ...toInstruction(raw, { escape, wrong }) };
    }),
  };
}

interface Reading {
  readonly escape: '\\' | '`';
  readonly wrong: Wrong;
}

type Body = TestInstruction extends infer T ? (T extends unknown ? Omit<T, 'line' | 'text'> : never) : never;

function toInstruction(raw: RawInstruction, { escape, wrong }: Reading): Body {
  const { keyword, argument } = raw;
  const words = (): string[] => jsonArray(argument) ?? splitWords(argument, escape);
  if (argument === '' && keyword !== 'FROM' && keywords.split(' ').includes(keyword))
    throw wrong(`${keyword} needs an argument`);
  switch (keyword) {
    case 'FROM':
      throw wrong(
        'FROM does not belong in a test',
        'the test is stacked on the image under test; another FROM would test something else',
      );
    case 'RUN':
      return parseRun(raw, wrong);
    case 'COPY':
    case 'ADD':
      return parseCopy(raw, { escape, wrong });
    case 'ENV':
      return { kind: 'env', pairs: parsePairs(argument, { escape, wrong, keyword }) };
    case 'LABEL':
      return { kind: 'label', pairs: parsePairs(argument, { escape, wrong, keyword }) };
    case 'ARG':
      return {
        kind: 'arg',
        pairs: splitWords(argument, escape).map((word) => {
          const at = word.indexOf('=');
          const name = at < 0 ? word : word.slice(0, at);
          if (!/^[A-Za-z_]\w*$/.test(name)) throw wrong(`ARG ${JSON.stringify(name)} is no name of a variable`);
          return [name, at < 0 ? undefined : word.slice(at + 1)] as const;
        }),
      };
    case 'WORKDIR':
      return { kind: 'workdir', value: argument };
    case 'USER':
      return { kind: 'user', value: argument };
    case 'STOPSIGNAL':
      return { kind: 'stopsignal', value: argument };
    case 'EXPOSE':
      return { kind: 'expose', values: words() };
    case 'VOLUME':
      return { kind: 'volume', values: words() };
    case 'SHELL': {
      const args = jsonArray(argument);
      if (!args || args.length === 0) throw wrong('SHELL needs a JSON list', 'write it like SHELL ["/bin/bash", "-c"]');
      return { kind: 'shell', args, form: 'exec' };
    }
    case 'CMD':
    case 'ENTRYPOINT': {
      const args = jsonArray(argument);
      return {
        kind: keyword === 'CMD' ? 'cmd' : 'entrypoint',
        args: args ?? [argument],
        form: args ? 'exec' : 'shell',
      };
    }
    case 'HEALTHCHECK':
      if (!/^(?:NONE|CMD\s)/i.test(argument)) throw wrong('HEALTHCHECK is NONE or CMD and a command');
      return { kind: 'noted' };
    case 'ONBUILD':
      if (/^(?:ONBUILD|FROM|MAINTAINER)\b/i.test(argument))
        throw wrong(`ONBUILD ${argument.split(/\s/)[0]} is not allowed`);
      return { kind: 'noted' };
    case 'MAINTAINER':
      return { kind: 'noted' };
    default:
      throw wrong(`there is no instruction ${JSON.stringify(keyword)}`, `known are ${keywords.replaceAll(' ', ', ')}`);
  }
}

function parseRun(raw: RawInstruction, wrong: Wrong): Body {
  const mounts: RunMount[] = [];
  for (const { name, value = '' } of raw.flags) {
    if (name === 'mount') mounts.push(parseMount(value, wrong));
    else if (name === 'network') {
      if (value !== 'none' && value !== 'default')
        throw wrong(
          `RUN --network=${value} is not to be had in a test`,
          'tests have no network but what `hosts` allows',
        );
    } else if (name === 'security') {
      if (value !== 'sandbox') throw wrong(`RUN --security=${value} is not to be had in a test`);
    } else throw wrong(`RUN --${name} is not known`, 'known are --mount, --network and --security');
  }
  const args = raw.heredocs.length === 0 ? jsonArray(raw.argument) : undefined;
  if (args) {
    if (args.length === 0) throw wrong('RUN [] runs nothing');
    return { kind: 'run', form: 'exec', args, mounts };
  }
  const [only, ...more] = raw.heredocs;
  // A heredoc alone is the script itself; with words around it, the shell reads it.
  if (only === undefined || more.length > 0 || raw.argument !== only.mark)
    return { kind: 'run', form: 'shell', args: [raw.script], mounts };
  const [, interpreter] = /^#!\s*(\S.*?)\s*\n/.exec(only.content) ?? [];
  if (interpreter === undefined) return { kind: 'run', form: 'shell', args: [only.content], mounts };
  // A script that names what reads it: that gets it on stdin.
  return { kind: 'run', form: 'exec', args: interpreter.split(/\s+/), input: only.content, mounts };
}

function parseMount(value: string, wrong: Wrong): RunMount {
  const options = new Map(
    value.split(',').map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? ([part, 'true'] as const) : ([part.slice(0, at), part.slice(at + 1)] as const);
    }),
  );
  const type = options.get('type') ?? 'bind';
  const target = options.get('target') ?? options.get('dst') ?? options.get('destination');
  if (type === 'secret' || type === 'ssh')
    throw wrong(
      `RUN --mount=type=${type} is not to be had in a test`,
      'a test gets no secrets; give it what it needs with COPY',
    );
  if (type !== 'bind' && type !== 'cache' && type !== 'tmpfs') throw wrong(`RUN --mount=type=${type} is not known`);
  if (options.has('from'))
    throw wrong('RUN --mount from another image is not to be had in a test', 'put the files beside the Dockerfile');
  if (target === undefined) throw wrong(`RUN --mount=${value} has no target`);
  const writable = ['true', '1', ''].includes(options.get('rw') ?? options.get('readwrite') ?? 'false');
  return {
    type,
    target,
    source: options.get('source') ?? options.get('src') ?? '.',
    readOnly: type === 'bind' && !writable,
  };
}

function parseCopy(raw: RawInstruction, { escape, wrong }: Reading): Body {
  const { keyword } = raw;
  const one = new Map<string, string>();
  const excludes: string[] = [];
  let parents = false;
  for (const { name, value } of raw.flags) {
    const isSet = value === undefined || value === 'true';
    if (name === 'chown' || name === 'chmod') one.set(name, value ?? '');
    else if (name === 'exclude') excludes.push(value ?? '');
    else if (name === 'parents' && keyword === 'COPY') parents = isSet;
    else if (name === 'from' && keyword === 'COPY')
      throw wrong(
        `COPY --from=${value ?? ''} names another stage or image, and a test has none`,
        'put the file beside the Dockerfile',
      );
    else if (name === 'checksum' && keyword === 'ADD')
      throw wrong('ADD --checksum is for files of the network, which a test has not');
    else if (name !== 'link' && name !== 'keep-git-dir' && name !== 'unpack')
      throw wrong(`${keyword} --${name} is not known`, 'known are --chown, --chmod, --exclude, --link and --parents');
  }
  const documents = raw.heredocs;
  const all = jsonArray(raw.argument) ?? splitWords(raw.argument, escape);
  const words = all.filter((word) => !documents.some(({ mark }) => mark === word));
  const target = words.at(-1);
  const sources = words.slice(0, -1);
  if (target === undefined || sources.length + documents.length === 0)
    throw wrong(`${keyword} needs a source and a target`);
  for (const source of sources)
    if (/^(?:https?|ftp|git):|^git@|\.git(?:#|$)/.test(source))
      throw wrong(`${keyword} cannot fetch ${source}: tests have no network`, 'put the file beside the Dockerfile');
  const chown = one.get('chown');
  const chmod = one.get('chmod');
  if (chmod !== undefined && !/^(?:0?[0-7]{3,4}|.*\$.*)$/.test(chmod))
    throw wrong(`--chmod=${chmod} is no octal mode`, 'write it like --chmod=0755');
  return {
    kind: 'copy',
    unpacks: keyword === 'ADD' && !raw.flags.some(({ name, value }) => name === 'unpack' && value === 'false'),
    sources,
    documents,
    target,
    excludes,
    parents,
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
  };
}

/** `NAME=value …`, or the old form `NAME value with spaces`. */
function parsePairs(
  argument: string,
  { escape, wrong, keyword }: Reading & { readonly keyword: string },
): (readonly [string, string])[] {
  const words = splitWords(argument, escape);
  const [first = ''] = words;
  if (!first.includes('=')) {
    const value = argument.slice(argument.indexOf(first) + first.length).trim();
    if (value === '') throw wrong(`${keyword} ${first} has no value`, `write it like ${keyword} ${first}=value`);
    return [[first, value]];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 1) throw wrong(`${keyword} ${word} is no NAME=value`);
    return [word.slice(0, at), word.slice(at + 1)] as const;
  });
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
