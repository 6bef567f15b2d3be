import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { exec, type ExecResult } from '../../src/core/exec.ts';

export const entry = fileURLToPath(new URL('../../bin/nodeworthy.mjs', import.meta.url));

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly node?: string;
}

/** Runs the command line as a user would, in a process of its own. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<ExecResult> {
  return await exec(options.node ?? process.execPath, [entry, ...args], {
    cwd: options.cwd,
    env: { ...process.env, CI: 'true', ...options.env },
    maxOutputBytes: 8 << 20,
    timeoutMs: 1_800_000,
  });
}

/** Starts the command line and ends it with a signal when `when` says so. */
export async function interruptCli(
  args: readonly string[],
  options: CliOptions & { readonly signal: NodeJS.Signals; readonly when: (stderr: string) => boolean },
): Promise<{
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly interrupted: boolean;
}> {
  const child = spawn(process.execPath, [entry, ...args], {
    cwd: options.cwd,
    env: { ...process.env, CI: 'true', ...options.env },
  });
  let stderr = '';
  let interrupted = false;
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (interrupted || !options.when(stderr)) return;
    interrupted = true;
    child.kill(options.signal);
  });
  child.stdout.resume();
  return await new Promise((resolve) =>
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, stderr, interrupted })),
  );
}
