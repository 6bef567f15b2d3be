// An engine that misses the end of a container: podman does so now and then, and nobody can make it do so.
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openEngine } from './engine-client.ts';
import { startContainer } from './start-container.ts';

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

it.concurrent.each([
  ['before its first line', []],
  ['after its first line', [frame(1, 'one\n')]],
  ['in the middle of both streams', [frame(1, 'one\n'), frame(2, 'wrong\n'), frame(1, 'tw')]],
])('the log of a container is whole when following it stops %s', async (_, sent) => {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-'));
  const path = join(folder, 'engine.sock');
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    if (url.endsWith('/start')) response.writeHead(204).end();
    else if (url.endsWith('/wait')) void sleep(50).then(() => response.end('{"StatusCode":7}'));
    else if (url.includes('follow=1')) for (const bytes of sent) response.write(bytes);
    else if (url.includes('follow=0'))
      response.end(Buffer.concat([frame(1, 'one\n'), frame(2, 'wrong\n'), frame(1, 'two\n')]));
    else response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const engine = openEngine(`unix://${path}`);
  try {
    const request = { args: ['x'], timeoutMs: 60_000 };
    const { ended } = await startContainer(engine, 'c', { request, signal: new AbortController().signal });
    expect(await ended).toMatchObject({ exitCode: 7, stdout: 'one\ntwo\n', stderr: 'wrong\n', timedOut: false });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await engine.close();
    await rm(folder, { recursive: true });
  }
});
