import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../core/errors.ts';
import { createContainerOutput, startFailureCode } from '../container-output.ts';
import type { RunRequest, RunningContainer, RunResult, SignalName } from '../runtime.ts';

/**
 * Mounts the root in a mount namespace of its own and starts runc in it: the mount ends with the container, however
 * that ends. `script` lends a pseudo-terminal.
 * $1 kind of root, $2 lower folders or the folder itself, $3 upper folder, with its work folder beside it, $4 bundle,
 * $5 runc root, $6 container id, $7 `terminal` or nothing. The lower folders are links in `lower` of the bundle: mount
 * options end at one page, and a path may hold a colon.
 */
const launcher = `
case "$1" in
  overlay) cd "$4/lower"; mount -t overlay overlay -o "lowerdir=$2,upperdir=$3,workdir=$3.work" "$4/rootfs" ;;
  folder) mount --bind "$2" "$4/rootfs" ;;
esac
if [ "$7" = terminal ]
then exec script --quiet --return --flush --command "exec runc --root '$5' run --pid-file '$4/pid' --bundle '$4' '$6'" /dev/null
else exec runc --root "$5" run --pid-file "$4/pid" --bundle "$4" "$6"
fi`;

export type ContainerRoot =
  | { readonly kind: 'overlay'; readonly lower: readonly string[]; readonly upper: string }
  | { readonly kind: 'folder'; readonly folder: string };

export interface Launch {
  readonly root: ContainerRoot;
  readonly bundle: string;
  readonly runcRoot: string;
  readonly id: string;
  readonly request: Pick<RunRequest, 'timeoutMs' | 'input' | 'terminal'>;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kill: (signal: string) => Promise<unknown>;
}

export type Launched = Omit<RunningContainer, 'finished'> & {
  readonly ended: Promise<RunResult>;
  /** Ends it before its time, for a reason that the result tells. */
  stop(reason: string): void;
};

/** The words that start a prepared bundle: `--pdeathsig` and `--kill-child`, so that whatever ends us ends it too. */
export function launchCommand({ root, bundle, runcRoot, id, request }: Omit<Launch, 'signal' | 'env' | 'kill'>) {
  const place =
    root.kind === 'overlay'
      ? ['overlay', [...root.lower.keys()].reverse().join(':'), root.upper]
      : ['folder', root.folder, ''];
  const args = [...place, bundle, runcRoot, id, request.terminal ? 'terminal' : ''];
  const unshare = ['unshare', '--mount', '--propagation', 'private', '--fork', '--kill-child'];
  return ['setpriv', '--pdeathsig', 'KILL', ...unshare, 'sh', '-ec', launcher, 'sh', ...args];
}

/** Starts a prepared bundle. */
export function launch(options: Launch): Launched {
  const { bundle, request, signal, env, kill } = options;
  signal.throwIfAborted();
  const started = performance.now();
  const [program = '', ...args] = launchCommand(options);
  const child = spawn(program, args, { stdio: [request.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], env });
  const output = createContainerOutput();
  child.stdout?.on('data', output.addStdout);
  child.stderr?.on('data', output.addStderr);
  // A program may end before it has read its input.
  child.stdin?.on('error', () => {});
  if (request.input !== undefined && request.input !== 'open') child.stdin?.end(request.input);
  let hasEnded = false;
  let wasKilled = false;
  let timedOut = false;
  let stopped: string | undefined;
  function end(): void {
    wasKilled = true;
    void kill('KILL');
    // A runc that does not answer is ended with everything it started.
    setTimeout(() => hasEnded || child.kill('SIGKILL'), 5000).unref();
  }
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, request.timeoutMs);
  signal.addEventListener('abort', end, { once: true });

  async function wait(): Promise<RunResult> {
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.on('error', (error) =>
          reject(
            new Failure('RUNTIME_FAILED', `a container cannot be started: ${error.message}`, {
              hint: 'setpriv and unshare of util-linux are needed',
              cause: error,
            }),
          ),
        );
        child.on('close', resolve);
      });
      hasEnded = true;
      output.tell();
      signal.throwIfAborted();
      const summary = output.summary();
      return {
        ...summary,
        exitCode: exitCodeOf(code, { ...summary, wasKilled, hasStarted: existsSync(join(bundle, 'pid')) }),
        timedOut,
        ...(stopped === undefined ? {} : { stopped }),
        durationMs: performance.now() - started,
      };
    } finally {
      hasEnded = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  return {
    async pid() {
      for (;;) {
        const text = await readFile(join(bundle, 'pid'), 'utf8').catch(() => '');
        if (/^\d+$/.test(text)) return Number(text);
        if (hasEnded) throw new Failure('RUNTIME_FAILED', 'the container ended before it could be looked at');
        await sleep(5);
      }
    },
    output: output.texts,
    onOutput: output.onOutput,
    signal: async (name: SignalName) => void (await kill(name.slice('SIG'.length))),
    write: (bytes) => void child.stdin?.write(bytes),
    stop(reason) {
      stopped ??= reason;
      end();
    },
    ended: wait(),
  };
}

/**
 * What a shell would say: 127 for a program that the image does not have, 126 for one that it may not run.
 * @throws Failure RUNTIME_FAILED when it was the runtime that failed, and not what it ran
 */
function exitCodeOf(
  exitCode: number | null,
  {
    stdout,
    stderr,
    wasKilled,
    hasStarted,
  }: { readonly stdout: string; readonly stderr: string; readonly wasKilled: boolean; readonly hasStarted: boolean },
): number | null {
  const hint = 'the message is the runtime’s own; runc needs overlay mounts and cgroups';
  if (exitCode === 0 || wasKilled) return exitCode;
  if (exitCode === null)
    throw new Failure('RUNTIME_FAILED', 'runc was ended by somebody else while a container ran', { hint });
  const missing = startFailureCode(stdout === '' ? stderr : stdout);
  if (missing !== undefined) return missing;
  // What a program prints once it runs is its own, whatever it looks like.
  if (hasStarted) return exitCode;
  const message = stderr || stdout;
  throw new Failure('RUNTIME_FAILED', `a container could not be started: ${message.trim().split('\n').at(-1)}`, {
    hint,
  });
}
