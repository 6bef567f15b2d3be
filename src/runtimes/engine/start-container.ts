import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import { createContainerOutput, startFailureCode } from '../container-output.ts';
import { defaultDiskBytes, type RunRequest, type RunningContainer, type RunResult } from '../runtime.ts';
import type { EngineClient } from './engine-client.ts';

const State = z.looseObject({ State: z.looseObject({ Pid: z.number(), Running: z.boolean() }) });
const Sized = z.looseObject({ SizeRw: z.number().optional() });
const diskIntervalMs = 1000;
/** What a container printed is there soon after its end. */
const logGraceMs = 5000;

export interface StartedContainer {
  readonly container: Omit<RunningContainer, 'finished'>;
  readonly ended: Promise<RunResult>;
}

/** Starts a container that was created, and collects what it prints until it ends. */
export async function startContainer(
  engine: EngineClient,
  id: string,
  { request, signal }: { readonly request: RunRequest; readonly signal: AbortSignal },
): Promise<StartedContainer> {
  const started = performance.now();
  const output = createContainerOutput();
  let timedOut = false;
  let stopped: string | undefined;
  let hasEnded = false;
  const kill = (name: string): Promise<void> =>
    engine.post(`/containers/${id}/kill?signal=${name}`).then(
      () => {},
      () => {},
    );
  const input = request.input === undefined ? undefined : await engine.attachInput(id);
  try {
    await engine.post(`/containers/${id}/start`);
  } catch (error) {
    input?.destroy();
    const message = error instanceof Failure ? error.message : '';
    const exitCode = startFailureCode(message);
    if (exitCode === undefined) throw error;
    const text = { stdout: '', stderr: message, droppedBytes: 0 };
    const result: RunResult = { exitCode, ...text, timedOut: false, durationMs: performance.now() - started };
    return { container: endedContainer(text), ended: Promise.resolve(result) };
  }
  if (request.input !== undefined && request.input !== 'open') input?.end(request.input);
  const stop = (): void => void kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, request.timeoutMs);
  const limit = request.diskBytes ?? defaultDiskBytes;
  const disk = setInterval(() => void lookAtDisk().catch(() => {}), diskIntervalMs);

  async function lookAtDisk(): Promise<void> {
    const { SizeRw = 0 } = Sized.parse(await engine.get(`/containers/${id}/json?size=1`));
    if (SizeRw <= limit) return;
    stopped ??= `wrote more than ${Math.round(limit / 1e6)} MB`;
    stop();
  }

  async function wait(): Promise<RunResult> {
    try {
      const waited = engine.waitFor(id);
      for await (const { stream, bytes } of readLog(engine, id, {
        waited,
        isTerminal: request.terminal ?? false,
        signal,
      })) {
        if (stream === 2) output.addStderr(bytes);
        else output.addStdout(bytes);
      }
      const code = await waited;
      signal.throwIfAborted();
      const summary = output.summary();
      return {
        ...summary,
        exitCode: (summary.stdout === '' && code !== 0 && startFailureCode(summary.stderr)) || code,
        timedOut,
        ...(stopped === undefined ? {} : { stopped }),
        durationMs: performance.now() - started,
      };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure) throw error;
      throw new Failure('RUNTIME_FAILED', 'the container engine went away while a container ran', {
        hint: 'start it again, and run the same command',
        cause: error,
      });
    } finally {
      hasEnded = true;
      output.tell();
      clearTimeout(timer);
      clearInterval(disk);
      input?.destroy();
      signal.removeEventListener('abort', stop);
    }
  }

  const container = {
    async pid() {
      for (;;) {
        const { State: state } = State.parse(await engine.get(`/containers/${id}/json`));
        if (state.Running && state.Pid > 0) return state.Pid;
        if (hasEnded) throw new Failure('RUNTIME_FAILED', 'the container ended before it could be looked at');
        await sleep(20);
      }
    },
    output: output.texts,
    onOutput: output.onOutput,
    signal: kill,
    write: (bytes: Uint8Array) => void input?.write(bytes),
  };
  return { container, ended: wait() };
}

function endedContainer(text: {
  readonly stdout: string;
  readonly stderr: string;
}): Omit<RunningContainer, 'finished'> {
  return {
    pid: () => Promise.reject(new Failure('RUNTIME_FAILED', 'the container did not start')),
    output: () => text,
    onOutput: (listener) => setImmediate(listener),
    signal: () => Promise.resolve(),
    write: () => {},
  };
}

interface LogFrame {
  readonly stream: number;
  readonly bytes: Buffer;
}

/**
 * What a container prints, until its end. An engine can miss that end and follow for ever: then what it has written is
 * read once more as a whole, from where the first reading stopped.
 */
async function* readLog(
  engine: EngineClient,
  id: string,
  {
    waited,
    isTerminal,
    signal,
  }: { readonly waited: Promise<unknown>; readonly isTerminal: boolean; readonly signal: AbortSignal },
): AsyncGenerator<LogFrame> {
  const cut = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isRead = false;
  waited.then(
    () => {
      if (!isRead) timer = setTimeout(() => cut.abort(), logGraceMs);
    },
    () => cut.abort(),
  );
  async function* read(follow: 0 | 1, until: AbortSignal): AsyncGenerator<LogFrame> {
    const log = await engine.stream(`/containers/${id}/logs?follow=${follow}&stdout=1&stderr=1`, until);
    if (isTerminal) for await (const bytes of log) yield { stream: 1, bytes };
    else yield* demultiplex(log);
  }
  const seen = new Map<number, number>();
  try {
    for await (const frame of read(1, AbortSignal.any([signal, cut.signal]))) {
      seen.set(frame.stream, (seen.get(frame.stream) ?? 0) + frame.bytes.length);
      timer?.refresh();
      yield frame;
    }
    return;
  } catch (error) {
    if (signal.aborted || !cut.signal.aborted) throw error;
  } finally {
    isRead = true;
    clearTimeout(timer);
  }
  await waited;
  for await (const { stream, bytes } of read(0, signal)) {
    const known = seen.get(stream) ?? 0;
    seen.set(stream, Math.max(0, known - bytes.length));
    if (bytes.length > known) yield { stream, bytes: bytes.subarray(known) };
  }
}

/** Frames of eight header bytes (stream number, three zeros, big-endian length) and their content, as attach and logs send them. */
async function* demultiplex(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogFrame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
      const end = 8 + rest.readUInt32BE(4);
      yield { stream: rest[0] ?? 1, bytes: rest.subarray(8, end) };
      rest = rest.subarray(end);
    }
  }
}
