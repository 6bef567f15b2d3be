// Engines that answer late, or miss the end of a container: they do so now and then, and nobody can make them.
import { createServer, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RunResult } from '../runtime.ts';
import { openEngine } from './engine-client.ts';
import { startContainer } from './start-container.ts';

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

type Answers = (url: string, response: ServerResponse) => void;

/** Starts a container on an engine that answers so, and waits for its end. */
async function runOn(answers: Answers, busyMs?: number): Promise<RunResult> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-'));
  const path = join(folder, 'engine.sock');
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    if (url.endsWith('/start')) response.writeHead(204).end();
    else if (url.endsWith('/json?size=1')) response.end('{}');
    else answers(url, response);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const engine = openEngine(`unix://${path}`, busyMs);
  try {
    const request = { args: ['x'], timeoutMs: 60_000 };
    const { ended } = await startContainer(engine, 'c', { request, signal: new AbortController().signal });
    return await ended;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await engine.close();
    await rm(folder, { recursive: true });
  }
}

it.concurrent.each([
  ['before its first line', []],
  ['after its first line', [frame(1, 'one\n')]],
  ['in the middle of both streams', [frame(1, 'one\n'), frame(2, 'wrong\n'), frame(1, 'tw')]],
])('the log of a container is whole when following it stops %s', async (_, sent) => {
  const result = await runOn((url, response) => {
    if (url.endsWith('/wait')) void sleep(50).then(() => response.end('{"StatusCode":7}'));
    else if (url.includes('follow=1')) for (const bytes of sent) response.write(bytes);
    else response.end(Buffer.concat([frame(1, 'one\n'), frame(2, 'wrong\n'), frame(1, 'two\n')]));
  });
  expect(result).toMatchObject({ exitCode: 7, stdout: 'one\ntwo\n', stderr: 'wrong\n', timedOut: false });
});

it.concurrent.each([
  ['with its end', (response: ServerResponse) => response],
  ['at once, and the end later', (response: ServerResponse) => (response.flushHeaders(), response)],
])('a container may be silent for longer than an engine may, which answers %s', async (_, begin) => {
  const result = await runOn((url, response) => {
    const last = url.endsWith('/wait') ? '{"StatusCode":0}' : frame(1, 'done\n');
    begin(response);
    void sleep(3000).then(() => response.end(last));
  }, 500);
  expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n' });
});

it('an engine that does not answer is called that', async () => {
  const failed = runOn((url, response) => (url.endsWith('/wait') ? response.destroy() : response.flushHeaders()));
  await expect(failed).rejects.toMatchObject({
    code: 'RUNTIME_FAILED',
    message: expect.stringContaining('the container engine did not answer'),
  });
});
