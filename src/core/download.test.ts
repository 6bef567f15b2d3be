import { createHash, randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { serve, type Handler } from '../../tests/support/http-server.ts';
import { temporaryFolder } from '../../tests/support/workspace.ts';
import { digestOf } from './digest.ts';
import { downloadFile, type DownloadRequest } from './download.ts';
import type { ProgressEvent } from './events.ts';
import { createHttpClient } from './http.ts';

const bytes = randomBytes(300_000);
const expected = { sha256: digestOf(bytes), sizeBytes: bytes.length };

async function fetchFrom(handler: Handler, request: Partial<DownloadRequest> = {}, folder?: string) {
  const server = await serve(handler);
  const events: ProgressEvent[] = [];
  const http = createHttpClient();
  const ports = {
    http,
    folder: folder ?? (await temporaryFolder()),
    report: (event: ProgressEvent) => void events.push(event),
    signal: new AbortController().signal,
    now: new Date(),
    retry: { attempts: 4, firstDelayMs: 1, maxDelayMs: 2 },
  };
  try {
    const content = await downloadFile(
      { url: `${server.url}file`, name: 'file', maxBytes: 1 << 20, expected, ...request },
      ports,
      (file) => readFile(file.path),
    );
    return { content, events, requests: server.requests, folder: ports.folder };
  } finally {
    await http.close();
  }
}

describe('downloadFile', () => {
  it('proves a file and tells how much has come', async () => {
    const { content, events } = await fetchFrom((_, response) => response.end(bytes));
    expect(content.equals(bytes)).toBe(true);
    expect(events.at(-1)).toMatchObject({ kind: 'download', done: true, receivedBytes: bytes.length });
  });

  it('goes on where a broken connection stopped', async () => {
    const ranges: (string | undefined)[] = [];
    const { content, events } = await fetchFrom((request, response) => {
      ranges.push(request.headers.range);
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, {
        etag: '"1"',
        'content-length': bytes.length - start,
        ...(start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
      });
      if (ranges.length < 3)
        response.write(bytes.subarray(start, start + 100_000), () => setTimeout(() => response.destroy(), 20));
      else response.end(bytes.subarray(start));
    });
    expect(content.equals(bytes)).toBe(true);
    expect(ranges[0]).toBeUndefined();
    expect(Number(/\d+/.exec(ranges[2] ?? '')?.[0])).toBeGreaterThan(0);
    expect(events.filter((event) => event.kind === 'retry')).toHaveLength(2);
  });

  it('starts again when the server does not know ranges', async () => {
    let calls = 0;
    const { content } = await fetchFrom((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      if (++calls === 1) response.write(bytes.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
      else response.end(bytes);
    });
    expect(content.equals(bytes)).toBe(true);
  });

  it.each([429, 500, 503])('tries again after %i', async (status) => {
    let calls = 0;
    const { content } = await fetchFrom(
      (_, response) => void (++calls < 3 ? response.writeHead(status).end() : response.end(bytes)),
    );
    expect(content.length).toBe(bytes.length);
    expect(calls).toBe(3);
  });

  it.each([
    [404, /does not exist/],
    [403, /credentials/],
    [401, /credentials/],
  ])('does not try again after %i', async (status, hint) => {
    let calls = 0;
    const failure = fetchFrom((_, response) => {
      calls++;
      response.writeHead(status).end();
    });
    await expect(failure).rejects.toMatchObject({ code: 'SOURCE_INVALID', hint: expect.stringMatching(hint) });
    expect(calls).toBe(1);
  });

  it('refuses an HTML page with status 200, says what it is, and keeps nothing', async () => {
    const folder = await temporaryFolder();
    const failure = fetchFrom((_, response) => response.end('<!DOCTYPE html><title>Log in</title>'), {}, folder);
    await expect(failure).rejects.toMatchObject({ code: 'INTEGRITY', hint: expect.stringContaining('HTML') });
    expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('refuses other bytes of the same size', async () => {
    await expect(fetchFrom((_, response) => response.end(Buffer.alloc(bytes.length)))).rejects.toMatchObject({
      code: 'INTEGRITY',
    });
  });

  it('refuses other bytes by sha512, as npm promises them', async () => {
    const sha512 = createHash('sha512').update('else').digest('base64');
    await expect(fetchFrom((_, response) => response.end(bytes), { expected: { sha512 } })).rejects.toMatchObject({
      code: 'INTEGRITY',
    });
  });

  it('stops at the size limit, however much comes', async () => {
    const failure = fetchFrom(
      (_, response) => {
        const more = (): void => void (response.destroyed || response.write(bytes, more));
        more();
      },
      { expected: {}, maxBytes: 1_000_000 },
    );
    await expect(failure).rejects.toMatchObject({
      code: 'INTEGRITY',
      message: expect.stringContaining('at most 1000000'),
    });
  });

  it('does not show credentials to the host it is sent on to', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(bytes);
    });
    await fetchFrom((_, response) => response.writeHead(302, { location: `${other.url}file` }).end(), {
      headers: { authorization: 'Bearer secret' },
    });
    expect(seen).toEqual([undefined]);
  });

  it('fails with the address when nobody answers', async () => {
    const server = await serve(() => {});
    await server.close();
    await expect(fetchFrom(() => {}, { url: `${server.url}file?token=secret` })).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.not.stringContaining('secret'),
    });
  });
});
