import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { Failure, isFailure } from '../../core/errors.ts';
import { createHttpClient, readBody, type HttpClient, type HttpRequest, type HttpResponse } from '../../core/http.ts';

/** A small part of the engine API (1.41), as docker and podman both serve it on a unix socket. */
export interface EngineClient {
  get(path: string): Promise<unknown>;
  post(path: string, body?: unknown): Promise<unknown>;
  upload(method: 'POST' | 'PUT', path: string, tar: AsyncIterable<Uint8Array>): Promise<string>;
  remove(path: string): Promise<void>;
  /** A file or folder of a container as a tar archive; undefined when there is none. */
  archive(container: string, path: string): Promise<Readable | undefined>;
  /** An answer that comes piece by piece, for as long as it takes. */
  stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** Exit code of a container, when it has ended; it may run for as long as it wants. */
  waitFor(container: string): Promise<number>;
  /** The stdin of a container that was created: what is written there is its input, until it is ended. */
  attachInput(container: string): Promise<Socket>;
  close(): Promise<void>;
}

const maxAnswerBytes = 16 << 20;
/** An engine that works for many at once takes its time. */
const defaultBusyMs = 600_000;
const Waited = z.looseObject({ StatusCode: z.number() });

/**
 * @param host value of `DOCKER_HOST`: `unix:///path`
 * @param busyMs how long an engine may say nothing when it is asked for something that it has to do
 */
export function openEngine(host: string, busyMs: number = defaultBusyMs): EngineClient {
  // Each running container holds two: its output and its end.
  const http: HttpClient = createHttpClient({ socketPath: host.replace(/^unix:\/\//, ''), connections: 256 });
  const address = (path: string): string => `http://engine/v1.41${path}`;
  const send = (path: string, more: HttpRequest): Promise<HttpResponse> =>
    answered(path, () => http.send(address(path), { headersTimeoutMs: busyMs, bodyTimeoutMs: busyMs, ...more }));
  async function ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { body, limitMs = busyMs }: { readonly body?: unknown; readonly limitMs?: number } = {},
  ): Promise<unknown> {
    const response = await send(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      // Docker sends the head of an answer at once, and what it waits for in the body.
      headersTimeoutMs: limitMs,
      bodyTimeoutMs: limitMs,
    });
    const text = (await answered(path, () => readBody(response, maxAnswerBytes, path))).toString('utf8');
    if (response.status >= 400) throw refused(method, path, response.status, text);
    return text === '' ? undefined : parse(text);
  }
  return {
    get: (path) => ask('GET', path),
    post: (path, body) => ask('POST', path, { body }),
    async waitFor(container) {
      return Waited.parse(await ask('POST', `/containers/${container}/wait`, { limitMs: 0 })).StatusCode;
    },
    async upload(method, path, tar) {
      const headers = { 'content-type': 'application/x-tar' };
      const response = await send(path, { method, body: Readable.from(tar), headers });
      const text = (await readBody(response, maxAnswerBytes, path)).toString('utf8');
      if (response.status >= 400) throw refused(method, path, response.status, text);
      return text;
    },
    async remove(path) {
      await ask('DELETE', path);
    },
    async archive(container, path) {
      const place = `/containers/${container}/archive?path=${encodeURIComponent(path)}`;
      const response = await send(place, {});
      if (response.status < 400) return Readable.from(response.body as AsyncIterable<Buffer>);
      const text = (await readBody(response, maxAnswerBytes, place)).toString('utf8');
      if (response.status === 404) return undefined;
      throw refused('GET', place, response.status, text);
    },
    async stream(path, signal) {
      // Whoever says nothing is not gone: podman answers with the first line, which a test may never print.
      const response = await send(path, { signal, headersTimeoutMs: 0, bodyTimeoutMs: 0 });
      if (response.status < 400) return response.body as AsyncIterable<Buffer>;
      throw refused('GET', path, response.status, (await readBody(response, maxAnswerBytes, path)).toString('utf8'));
    },
    // The connection becomes the stream itself (engine API, "Attach to a container"), which a pooled client cannot give.
    attachInput: (container) =>
      new Promise((resolve, reject) => {
        const path = `/v1.41/containers/${container}/attach?stream=1&stdin=1`;
        const headers = { connection: 'Upgrade', upgrade: 'tcp', 'content-type': 'application/vnd.docker.raw-stream' };
        httpRequest({ socketPath: host.replace(/^unix:\/\//, ''), method: 'POST', path, headers })
          .on('upgrade', (_, socket) => {
            socket.on('error', () => {});
            socket.resume();
            resolve(socket as Socket);
          })
          .on('response', (response) => reject(refused('POST', path, response.statusCode ?? 0, '')))
          .on('error', reject)
          .end();
      }),
    close: () => http.close(),
  };
}

/** What has no network is not to be mended there. */
async function answered<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isFailure(error, 'SOURCE_UNREACHABLE')) throw error;
    throw new Failure('RUNTIME_FAILED', `the container engine did not answer ${path.split('?')[0]}`, {
      hint: 'is it still there? See its own log, and run the same command again',
      cause: error,
    });
  }
}

function refused(method: string, path: string, status: number, text: string): Failure {
  const message = (parse(text) as { message?: string } | undefined)?.message ?? text.slice(0, 300);
  return new Failure(
    'RUNTIME_FAILED',
    `the container engine refused ${method} ${path.split('?')[0]}: ${status} ${message.trim()}`,
    { hint: 'see the engine’s own log' },
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
