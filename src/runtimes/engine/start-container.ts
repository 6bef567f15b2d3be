import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import { createContainerOutput, startFailureCode } from '../container-output.ts';
import { defaultDiskBytes, type RunRequest, type RunningContainer, type RunResult } from '../runtime.ts';
import type { EngineClient } from './engine-client.ts';

const Waited = z.looseObject({ StatusCode: z.number() });
const State = z.looseObject({ State: z.looseObject({ Pid: z.number(), Running: z.boolean() }) });
const Sized = z.looseObject({ SizeRw: z.number().optional() });
const diskIntervalMs = 1000;

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
      const logs = await engine.stream(`/containers/${id}/logs?follow=1&stdout=1&stderr=1`, signal);
      if (request.terminal) for await (const bytes of logs) output.addStdout(bytes);
      else
        for await (const { stream, bytes } of demultiplex(logs)) {
          if (stream === 2) output.addStderr(bytes);
          else output.addStdout(bytes);
        }
      const { StatusCode } = Waited.parse(await engine.post(`/containers/${id}/wait`));
      signal.throwIfAborted();
      const summary = output.summary();
      return {
        ...summary,
        exitCode: (summary.stdout === '' && StatusCode !== 0 && startFailureCode(summary.stderr)) || StatusCode,
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

/** Frames of eight header bytes (stream number, three zeros, big-endian length) and their content, as attach and logs send them. */
async function* demultiplex(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ stream: number; bytes: Buffer }> {
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
