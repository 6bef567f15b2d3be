import { spawn } from 'node:child_process';
import { Failure, systemCode } from './errors.ts';

export interface ExecOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Bytes kept of each of stdout and stderr; what comes after is counted, not kept. */
  readonly maxOutputBytes?: number;
}

export interface ExecResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly droppedBytes: number;
  readonly timedOut: boolean;
}

/**
 * Runs a program without a shell and waits for it. A non-zero exit is a result, not an error.
 * @throws Failure FILE_UNUSABLE when the program does not exist or cannot be started.
 */
export function exec(file: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const limit = options.maxOutputBytes ?? 1 << 20;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const out = boundedText(limit);
    const err = boundedText(limit);
    child.stdout?.on('data', out.add);
    child.stderr?.on('data', err.add);
    let timedOut = false;
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
        }, options.timeoutMs)
      : undefined;
    const stop = () => child.kill('SIGKILL');
    options.signal?.addEventListener('abort', stop, { once: true });
    function finish(): void {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
    }
    child.on('error', (error) => {
      finish();
      reject(
        new Failure('FILE_UNUSABLE', `cannot start ${file}: ${systemCode(error) ?? error.message}`, { cause: error }),
      );
    });
    child.on('close', (exitCode, signal) => {
      finish();
      resolve({
        exitCode,
        signal,
        stdout: out.text(),
        stderr: err.text(),
        droppedBytes: out.dropped() + err.dropped(),
        timedOut,
      });
    });
    if (options.input !== undefined && child.stdin) {
      // A program may exit before it has read its input: its exit code tells, not the broken pipe.
      child.stdin.on('error', () => {});
      child.stdin.end(options.input);
    }
  });
}

/** Collects text up to a limit and counts the rest. */
export function boundedText(limitBytes: number) {
  const chunks: Buffer[] = [];
  let kept = 0;
  let dropped = 0;
  return {
    add(chunk: Buffer): void {
      const take = Math.min(chunk.length, limitBytes - kept);
      if (take > 0) chunks.push(chunk.subarray(0, take));
      kept += take;
      dropped += chunk.length - take;
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
    dropped: () => dropped,
  };
}
