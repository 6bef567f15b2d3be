import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../core/errors.ts';

export interface ProbeRequest {
  readonly port: number;
  readonly host?: string;
  /** Without it, it is only tried whether the port takes a connection. */
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

export type ProbeAnswer =
  | {
      readonly ok: true;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly ok: false; readonly error: string };

/** Asks the servers of a container over its own network. */
export interface Probe {
  ask(request: ProbeRequest): Promise<ProbeAnswer>;
  close(): Promise<void>;
}

const program = fileURLToPath(new URL('./probe.mjs', import.meta.url));

/**
 * A process of this machine in the network of a container, which therefore needs no port of the machine and no program
 * in the image.
 * @param pid the container's first process on this machine
 * @throws Failure RUNTIME_FAILED where the namespace cannot be entered: without root, or with an engine elsewhere
 */
export function openProbe(pid: number): Probe {
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, program], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const waiting: ((answer: ProbeAnswer | Error) => void)[] = [];
  let stderr = '';
  let ended = false;
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(JSON.parse(line) as ProbeAnswer));
  const gone = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true;
      for (const tell of waiting.splice(0)) tell(new Error(stderr.trim().split('\n').at(-1) ?? ''));
      resolve();
    };
    child.on('error', (error) => ((stderr += error.message), end())).on('close', end);
  });
  return {
    async ask(request) {
      const answer = await new Promise<ProbeAnswer | Error>((resolve) => {
        if (ended) return resolve(new Error(stderr.trim()));
        waiting.push(resolve);
        child.stdin.write(`${JSON.stringify(request)}\n`);
      });
      if (!(answer instanceof Error)) return answer;
      // A container that has ended has no network any more.
      if (/No such file or directory|No such process/.test(answer.message))
        return { ok: false, error: 'the container has ended' };
      throw new Failure('RUNTIME_FAILED', `the network of a container cannot be entered: ${answer.message}`, {
        hint: 'nsenter of util-linux is needed, as root, on the machine of the engine',
      });
    },
    async close() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
