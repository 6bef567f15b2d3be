import { exec } from '../core/exec.ts';
import { isFailure } from '../core/errors.ts';

/** Why git could not answer, in its words. */
export class GitError extends Error {}

export type Git = (args: readonly string[], input?: string) => Promise<string>;

const maxOutputBytes = 64 << 20;
const timeoutMs = 60_000;

/**
 * Git in a folder, as whoever wrote the repository cannot turn it: no replaced objects, no grafts, no variables that
 * lead elsewhere, no programs of its configuration.
 */
export function openGit(cwd: string, env: Readonly<Record<string, string | undefined>>, signal: AbortSignal): Git {
  const clean = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GIT_')));
  const settings = [
    'core.fsmonitor=false',
    'core.quotePath=false',
    'log.showSignature=false',
    'log.mailmap=false',
    'log.showRoot=true',
    'safe.bareRepository=explicit',
  ];
  const before = ['--no-replace-objects', '--literal-pathspecs', ...settings.flatMap((setting) => ['-c', setting])];
  return async (args, input) => {
    const ran = await exec('git', [...before, ...args], {
      cwd,
      env: { ...clean, GIT_GRAFT_FILE: '/dev/null', GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' },
      timeoutMs,
      signal,
      maxOutputBytes,
      ...(input === undefined ? {} : { input }),
    }).catch((error: unknown) => {
      throw isFailure(error) ? new GitError('git is not on this machine') : error;
    });
    signal.throwIfAborted();
    if (ran.timedOut) throw new GitError('git does not answer');
    if (ran.droppedBytes > 0) throw new GitError('git has more to say than is read');
    if (ran.exitCode !== 0) throw new GitError(ran.stderr.trim().split('\n')[0] ?? `git ended with ${ran.exitCode}`);
    return ran.stdout;
  };
}
