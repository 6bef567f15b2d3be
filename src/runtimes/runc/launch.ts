import { spawn } from 'node:child_process';
import { Failure } from '../../core/errors.ts';
import { boundedText } from '../../core/exec.ts';
import { maxOutputBytes, type RunRequest, type RunResult } from '../runtime.ts';

/**
 * Mounts the root in a mount namespace of its own and starts runc in it: the mount ends with the container, however
 * that ends.
 * $1 kind of root, $2 lower folders or the folder itself, $3 upper folder, with its work folder beside it, $4 bundle,
 * $5 runc root, $6 container id
 */
const launcher = `
case "$1" in
  overlay) mount -t overlay overlay -o "lowerdir=$2,upperdir=$3,workdir=$3.work" "$4/rootfs" ;;
  folder) mount --bind "$2" "$4/rootfs" ;;
esac
exec runc --root "$5" run --bundle "$4" "$6"`;

export type ContainerRoot =
  | { readonly kind: 'overlay'; readonly lower: readonly string[]; readonly upper: string }
  | { readonly kind: 'folder'; readonly folder: string };

export interface Launch {
  readonly root: ContainerRoot;
  readonly bundle: string;
  readonly runcRoot: string;
  readonly id: string;
  readonly request: Pick<RunRequest, 'timeoutMs' | 'signalAfter'>;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kill: (signal: string) => Promise<unknown>;
}

/** Starts a prepared bundle and waits for its end. */
export async function launch({ root, bundle, runcRoot, id, request, signal, env, kill }: Launch): Promise<RunResult> {
  const args =
    root.kind === 'overlay'
      ? ['overlay', [...root.lower].reverse().join(':'), root.upper, bundle, runcRoot, id]
      : ['folder', root.folder, '', bundle, runcRoot, id];
  signal.throwIfAborted();
  const started = performance.now();
  // `--pdeathsig` and `--kill-child`: whatever ends us ends the container's starter too.
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--mount',
      '--propagation',
      'private',
      '--fork',
      '--kill-child',
      'sh',
      '-ec',
      launcher,
      'sh',
      ...args,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env },
    },
  );
  const out = boundedText(maxOutputBytes);
  const err = boundedText(maxOutputBytes);
  let seen = '';
  let signalled = request.signalAfter === undefined;
  let timedOut = false;
  child.stdout.on('data', (chunk: Buffer) => {
    out.add(chunk);
    if (signalled) return;
    seen = (seen + chunk.toString('utf8')).slice(-4096);
    if (!seen.includes(request.signalAfter?.text ?? '')) return;
    signalled = true;
    void kill(request.signalAfter?.signal ?? 'SIGTERM');
  });
  child.stderr.on('data', err.add);
  const stop = (): void => void kill('KILL');
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, request.timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
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
    signal.throwIfAborted();
    const stderr = err.text();
    // A program that the image does not have is the image's fault, as a shell would say it.
    const isMissing = /exec: .*(?:executable file not found|no such file or directory|permission denied)/.test(stderr);
    if (
      exitCode !== 0 &&
      !isMissing &&
      /^(?:mount:|runc run failed|.*level=error msg="runc )/m.test(stderr) &&
      out.text() === ''
    ) {
      throw new Failure('RUNTIME_FAILED', `a container could not be started: ${stderr.trim().split('\n').at(-1)}`, {
        hint: 'the message is the runtime’s own; runc needs overlay mounts and cgroups',
      });
    }
    return {
      exitCode,
      stdout: out.text(),
      stderr,
      droppedBytes: out.dropped() + err.dropped(),
      timedOut,
      durationMs: performance.now() - started,
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
