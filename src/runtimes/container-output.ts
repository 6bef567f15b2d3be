import { boundedText } from '../core/exec.ts';
import { maxOutputBytes, type RunRequest, type RunningContainer, type RunResult } from './runtime.ts';

/** Collects both streams of a container up to a limit, and tells whoever watches. */
export function createContainerOutput() {
  const out = boundedText(maxOutputBytes);
  const err = boundedText(maxOutputBytes);
  const listeners: (() => void)[] = [];
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  return {
    addStdout(chunk: Buffer): void {
      out.add(chunk);
      tell();
    },
    addStderr(chunk: Buffer): void {
      err.add(chunk);
      tell();
    },
    onOutput: (listener: () => void): void => void listeners.push(listener),
    texts: () => ({ stdout: out.text(), stderr: err.text() }),
    summary: (): Pick<RunResult, 'stdout' | 'stderr' | 'droppedBytes'> => ({
      stdout: out.text(),
      stderr: err.text(),
      droppedBytes: out.dropped() + err.dropped(),
    }),
    tell,
  };
}

/** Waits for the end of a container, and sends the signal that the request asks for on the way. */
export async function waitForEnd(
  container: RunningContainer,
  request: Pick<RunRequest, 'signalAfter'>,
): Promise<Awaited<RunningContainer['finished']>> {
  const { signalAfter } = request;
  if (signalAfter !== undefined) {
    let sent = false;
    const look = (): void => {
      if (sent || !container.output().stdout.includes(signalAfter.text)) return;
      sent = true;
      void container.signal(signalAfter.signal);
    };
    container.onOutput(look);
    look();
  }
  return await container.finished;
}

/**
 * What a shell would say of a program that did not start: 127 when it, or what its first line names, is not in the
 * image; 126 when it may not run. Runtimes tell it in words of their own.
 */
export function startFailureCode(text: string): 126 | 127 | undefined {
  const [, why] =
    /^exec \S+: (no such file or directory|permission denied|exec format error)\s*$/.exec(text) ??
    /(?:runc|crun|OCI runtime|runtime).*exec: .*(executable file not found|no such file or directory|permission denied)/is.exec(
      text,
    ) ??
    [];
  return why === undefined ? undefined : /permission denied|format error/i.test(why) ? 126 : 127;
}
