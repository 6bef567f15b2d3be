import type { ParseArgsOptionDescriptor } from 'node:util';
import type { Context } from '../core/context.ts';

export interface OptionSpec extends ParseArgsOptionDescriptor {
  readonly summary: string;
  /** Name of the value in help. */
  readonly value?: string;
}

export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface CommandContext {
  readonly options: OptionValues;
  readonly context: Context;
  readonly cwd: string;
}

/** A verb: data in, data out. It never prints and never exits; views turn its result into text. */
export interface Command<Result = unknown> {
  readonly name: string;
  readonly summary: string;
  /** Name of the one word that may follow the command. */
  readonly positional?: string;
  /** What the words after that one are, where more are taken. */
  readonly rest?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  run(input: CommandContext): Promise<Result>;
  pretty(result: Result): string;
  json(result: Result): unknown;
  /** 0 unless the result says otherwise. */
  exitStatus?(result: Result): number;
  /** Waits until there is a reason to run again, after a result was printed; without it, once is all. */
  again?(input: CommandContext): Promise<boolean>;
}

export function defineCommand<Result>(command: Command<Result>): Command {
  return command as Command;
}

export const recipeOptions = {
  recipe: { type: 'string', summary: 'The recipe to read', value: 'FILE' },
  store: { type: 'string', summary: 'The image store; also NODEWORTHY_STORE', value: 'FOLDER' },
} as const satisfies Record<string, OptionSpec>;

export const globalOptions = {
  json: { type: 'boolean', summary: 'Print the result as JSON' },
  quiet: { type: 'boolean', short: 'q', summary: 'No progress' },
  now: { type: 'string', summary: 'Decide as if it were this day or time', value: 'DATE' },
  concurrency: { type: 'string', summary: 'Work on this many things at once', value: 'N' },
  help: { type: 'boolean', short: 'h', summary: 'Explain a command' },
} as const satisfies Record<string, OptionSpec>;
