import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Context } from '../core/context.ts';
import { Failure, isFailure, systemCode } from '../core/errors.ts';
import { suggest } from '../core/suggest.ts';
import { visible } from '../core/visible.ts';
import { globalOptions, type Command, type OptionSpec, type OptionValues } from './command.ts';
import { commandNames, loadCommand, loadCommands } from './commands.ts';
import { createLineReporter } from './reporters/line-reporter.ts';
import { silentReporter, type Reporter } from './reporters/reporter.ts';
import { createTableReporter } from './reporters/table-reporter.ts';

/** Parses the command line, runs one command, prints its result, and leaves with the status the table gives. */
export async function main(argv: readonly string[]): Promise<void> {
  quietExperimentalWarnings();
  const abort = new AbortController();
  let reporter: Reporter = silentReporter;
  const interrupt = (): void => {
    if (abort.signal.aborted) process.exit(130);
    process.stderr.write('\nstopping; once more to leave at once\n');
    abort.abort(
      new Failure('INTERRUPTED', 'stopped', { hint: 'run the same command again: it goes on where it stopped' }),
    );
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  let json = argv.includes('--json');
  try {
    const [name, ...rest] = argv;
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      process.stdout.write(await overview());
      return;
    }
    const command = await findCommand(name);
    const options = parseOptions(command, rest);
    json = options['json'] === true;
    if (options['help'] === true) {
      process.stdout.write(helpOf(command));
      return;
    }
    reporter = options['quiet'] === true ? silentReporter : createReporter();
    const context: Context = {
      now: parseNow(options['now']),
      verificationTime: new Date(),
      env: takeEnvironment(),
      signal: abort.signal,
      report: (event) => reporter.report(event),
      concurrency: parseConcurrency(options['concurrency']),
    };
    const input = { options, context, cwd: process.cwd() };
    for (;;) {
      const result = await command.run(input);
      reporter.stop();
      print(process.stdout, json ? JSON.stringify(command.json(result), null, 2) : command.pretty(result));
      process.exitCode = command.exitStatus?.(result) ?? 0;
      if (!(await command.again?.(input))) break;
    }
  } catch (error) {
    reporter.stop();
    process.exitCode = printError(abort.signal.aborted ? abort.signal.reason : error, json);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function findCommand(name: string): Promise<Command> {
  const found = await loadCommand(name);
  if (found) return found;
  const near = suggest(name, commandNames);
  throw new Failure('USAGE', `there is no command ${JSON.stringify(name)}`, {
    hint: near ? `did you mean ${near}?` : `commands: ${commandNames.join(', ')}`,
  });
}

function parseOptions(command: Command, args: readonly string[]): OptionValues {
  const known: Record<string, OptionSpec> = { ...globalOptions, ...command.options };
  const specs = Object.fromEntries(
    Object.entries(known).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
    ]),
  );
  const allowPositionals = command.positional !== undefined;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: specs, strict: true, allowPositionals });
    const [, second] = positionals;
    if (second !== undefined && command.rest === undefined)
      throw new Failure('USAGE', `${command.name}: ${JSON.stringify(second)} is one word too many`, {
        hint: `see nodeworthy ${command.name} --help`,
      });
    return {
      ...(values as OptionValues),
      ...(positionals[0] === undefined ? {} : { _: positionals[0] }),
      ...(positionals.length > 1 ? { rest: positionals.slice(1) } : {}),
    };
  } catch (error) {
    if (isFailure(error)) throw error;
    const flag = args.find((arg) => arg.startsWith('--') && known[arg.slice(2).split('=')[0] ?? ''] === undefined);
    const near = flag && suggest(flag.slice(2).split('=')[0] ?? '', Object.keys(known));
    throw new Failure(
      'USAGE',
      `${command.name}: ${error instanceof Error ? error.message.split('. ')[0] : String(error)}`,
      {
        hint: near ? `did you mean --${near}?` : `see nodeworthy ${command.name} --help`,
        cause: error,
      },
    );
  }
}

function parseNow(value: unknown): Date {
  if (value === undefined) return new Date();
  const date = new Date(String(value));
  if (!Number.isNaN(date.getTime())) return date;
  throw new Failure('USAGE', `--now ${JSON.stringify(value)} is no date`, {
    hint: 'write it like 2026-10-28 or 2026-10-28T12:00:00Z',
  });
}

function parseConcurrency(value: unknown): number {
  if (value === undefined) return availableParallelism();
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= 256) return number;
  throw new Failure('USAGE', `--concurrency ${JSON.stringify(value)} is no whole number from 1 to 256`);
}

function createReporter(): Reporter {
  const { stderr } = process;
  if (stderr.isTTY && process.env['TERM'] !== 'dumb' && process.env['CI'] === undefined) {
    return createTableReporter({
      columns: stderr.columns || 80,
      rows: stderr.rows || 24,
      write: (text) => void stderr.write(text),
    });
  }
  return createLineReporter((line) => void stderr.write(line));
}

/** The door to a terminal or a log: names, outputs and messages of others are in everything that goes through it. */
function print(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${visible(text)}\n`);
}

/** What, where and what to do; a stack only for a bug of ours. */
function printError(error: unknown, json: boolean): number {
  if (isFailure(error)) {
    if (json)
      print(
        process.stdout,
        JSON.stringify({ error: { code: error.code, message: error.message, hint: error.hint } }, null, 2),
      );
    print(process.stderr, `nodeworthy: ${error.message}${error.hint ? `\nhint: ${error.hint}` : ''}`);
    return error.exitStatus;
  }
  if (['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) {
    process.stderr.write(
      'nodeworthy: no space left on the device\nhint: free some space and run the same command again; finished work is kept\n',
    );
    return 12;
  }
  print(
    process.stderr,
    `nodeworthy: this is a bug: please report it with the lines below\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return 1;
}

async function overview(): Promise<string> {
  const commands = await loadCommands();
  const width = Math.max(...commands.map((command) => command.name.length));
  return `Certified Node.js container images from one recipe.\n\nUsage: nodeworthy COMMAND [options]\n\n${commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`).join('\n')}\n\nnodeworthy COMMAND --help explains one.\n`;
}

export function helpOf(command: Command): string {
  const all: Record<string, OptionSpec> = { ...command.options, ...globalOptions };
  const rows = Object.entries(all).map(
    ([name, spec]) => [`--${name}${spec.value ? ` ${spec.value}` : ''}`, spec.summary] as const,
  );
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return `${command.summary}.\n\nUsage: nodeworthy ${command.name}${command.positional ? ` ${command.positional}` : ''}${command.rest ? ` ${command.rest}` : ''} [options]\n\n${rows.map(([flag, summary]) => `  ${flag.padEnd(width)}  ${summary}`).join('\n')}\n`;
}

/** `node:sqlite` and type stripping are announced as experimental on each start; other warnings stay. */
function quietExperimentalWarnings(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
}

/** Programs that are started without a word about their variables, and modules of others, find no secrets of ours. */
function takeEnvironment(): Readonly<Record<string, string | undefined>> {
  const env = { ...process.env };
  for (const name of ['NODEWORTHY_PASSPHRASE', 'NODEWORTHY_SIGNER_TOKEN', 'NODEWORTHY_IDENTITY_TOKEN'])
    delete process.env[name];
  return env;
}
