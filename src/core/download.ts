import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, translateFileError } from './errors.ts';
import { digestOf, type Digest } from './digest.ts';
import type { Report } from './events.ts';
import { fileSize, readTextIfExists, writeFileAtomic } from './files.ts';
import { retryAfterMs, unreachable, withoutCredentials, type HttpClient, type HttpResponse } from './http.ts';
import { withProcessLock } from './process-lock.ts';
import { retryTransient, type RetryPolicy } from './retry.ts';

export interface DownloadRequest {
  readonly url: string;
  /** What people call it; shown in progress and messages. */
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The address whose answer named this one; without it, the user named it. */
  readonly ledBy?: string;
  readonly maxBytes: number;
  readonly expected: { readonly sha256?: Digest; readonly sha512?: string; readonly sizeBytes?: number };
}

export interface DownloadedFile {
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Base64, as npm's `integrity` spells it. */
  readonly sha512: string;
}

export interface DownloadPorts {
  readonly http: HttpClient;
  readonly folder: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retry?: RetryPolicy;
  readonly now: Date;
}

const maxRedirects = 5;

/**
 * Fetches a file into `folder` and proves its hashes before anybody may use it. A broken transfer goes on where it
 * stopped, in this process or in a later one. `use` gets the proven file and must move or read it before it returns.
 * @throws Failure SOURCE_UNREACHABLE after the last attempt, SOURCE_INVALID on a refusal, INTEGRITY on other bytes.
 */
export async function downloadFile<T>(
  request: DownloadRequest,
  ports: DownloadPorts,
  use: (file: DownloadedFile) => Promise<T>,
): Promise<T> {
  const stem = join(ports.folder, digestOf(request.url).slice('sha256:'.length, 'sha256:'.length + 32));
  await mkdir(ports.folder, { recursive: true });
  return await withProcessLock(`${stem}.lock`, async () => {
    const part = `${stem}.part`;
    const resumed = ((await fileSize(part)) ?? 0) > 0;
    try {
      return await use(await fetchAndProve(request, ports, part));
    } catch (error) {
      // Only a resumed file can be wrong through no fault of the server: then once more, from the first byte.
      if (!resumed || !(error instanceof Failure) || error.code !== 'INTEGRITY') throw error;
      return await use(await fetchAndProve(request, ports, part));
    } finally {
      // `use` has taken the file away, or the bytes were refused and removed; a transfer cut short stays for later.
      await rm(`${part}.etag`, { force: true }).catch(() => {});
    }
  });
}

async function fetchAndProve(request: DownloadRequest, ports: DownloadPorts, part: string): Promise<DownloadedFile> {
  await retryTransient(() => receive(request, ports, part), {
    policy: ports.retry,
    signal: ports.signal,
    onRetry: (attempt, error, waitMs) =>
      ports.report({ kind: 'retry', name: request.name, attempt, reason: error.message, waitMs }),
  });
  const proven = await hashFile(part);
  const wrong = describeMismatch(request, proven);
  if (wrong) {
    const start = await readStart(part);
    await rm(part, { force: true });
    throw new Failure('INTEGRITY', `${request.name}: ${wrong}`, {
      hint: looksLikeHtml(start)
        ? `the server sent an HTML page instead of the file: look for a login page or a proxy in front of ${new URL(request.url).host}`
        : 'the file was not used; if the mirror was just being updated, try again, else treat it as an attack',
      details: { url: withoutCredentials(request.url), digest: proven.digest, sizeBytes: proven.sizeBytes },
    });
  }
  ports.report({
    kind: 'download',
    name: request.name,
    receivedBytes: proven.sizeBytes,
    totalBytes: proven.sizeBytes,
    done: true,
  });
  return proven;
}

async function receive(request: DownloadRequest, ports: DownloadPorts, part: string): Promise<void> {
  const have = (await fileSize(part)) ?? 0;
  if (request.expected.sizeBytes !== undefined && have === request.expected.sizeBytes) return;
  const etag = have > 0 ? await readTextIfExists(`${part}.etag`) : undefined;
  const range: Record<string, string> =
    have > 0 ? { range: `bytes=${have}-`, ...(etag ? { 'if-range': etag } : {}) } : {};
  const { response, url } = await follow(request, ports, range);
  const continues = response.status === 206 && startsAt(response.headers['content-range']) === have;
  if (response.status === 416 || (response.status === 206 && !continues)) {
    await response.body.dump();
    await rm(part, { force: true });
    throw new Failure('SOURCE_UNREACHABLE', `${request.name}: the server lost the place to resume from`);
  }
  const declared = Number(response.headers['content-length'] ?? Number.NaN);
  const totalBytes = Number.isNaN(declared) ? request.expected.sizeBytes : declared + (continues ? have : 0);
  refuseTooLarge(request, totalBytes);
  if (response.headers['etag']) await writeFileAtomic(`${part}.etag`, response.headers['etag']);
  try {
    if (!continues && have > 0) await truncate(part, 0);
    await append(request, ports, { response, part, start: continues ? have : 0, totalBytes, url });
  } catch (error) {
    response.body.destroy();
    throw translateFileError(error, part);
  }
}

interface Transfer {
  readonly response: HttpResponse;
  readonly part: string;
  readonly start: number;
  readonly totalBytes: number | undefined;
  readonly url: string;
}

async function append(request: DownloadRequest, ports: DownloadPorts, transfer: Transfer): Promise<void> {
  const file = await open(transfer.part, 'a');
  let received = transfer.start;
  try {
    const chunks = (transfer.response.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (;;) {
      const next = await nextChunk(chunks, transfer.url, ports.signal);
      if (next === undefined) break;
      received += next.length;
      refuseTooLarge(request, received);
      await file.write(next);
      ports.report({
        kind: 'download',
        name: request.name,
        receivedBytes: received,
        totalBytes: transfer.totalBytes,
        done: false,
      });
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (transfer.totalBytes !== undefined && received < transfer.totalBytes) {
    throw new Failure('SOURCE_UNREACHABLE', `${request.name}: ended after ${received} of ${transfer.totalBytes} bytes`);
  }
}

async function nextChunk(chunks: AsyncIterator<Buffer>, url: string, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    const next = await chunks.next();
    return next.done ? undefined : next.value;
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(url, error);
  }
}

async function follow(request: DownloadRequest, ports: DownloadPorts, range: Record<string, string>) {
  let url = request.url;
  let ledBy = request.ledBy;
  let headers = { ...request.headers, ...range };
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const response = await ports.http.send(url, {
      headers,
      signal: ports.signal,
      ...(ledBy === undefined ? {} : { ledBy }),
    });
    const location = response.headers['location'];
    if (response.status >= 300 && response.status < 400 && location) {
      await response.body.dump();
      const target = new URL(location, url);
      // Credentials are for the origin they were given for, nobody else: scheme, host and port (RFC 6454).
      if (target.origin !== new URL(url).origin) headers = { ...range };
      ledBy = url;
      url = target.href;
      continue;
    }
    if (response.status === 200 || response.status === 206 || response.status === 416) return { response, url };
    await response.body.dump();
    throw statusFailure(request.name, url, response, ports.now);
  }
  throw new Failure('SOURCE_INVALID', `${request.name}: more than ${maxRedirects} redirects`);
}

export function statusFailure(name: string, url: string, response: HttpResponse, now: Date): Failure {
  const { status } = response;
  const transient = status === 408 || status === 429 || status >= 500;
  const wait = retryAfterMs(response.headers['retry-after'], now);
  return new Failure(
    transient ? 'SOURCE_UNREACHABLE' : 'SOURCE_INVALID',
    `${name}: ${withoutCredentials(url)} answered ${status}`,
    {
      hint:
        status === 404
          ? 'it does not exist there (any more): refresh the lock with `nodeworthy lock --update`'
          : status === 401 || status === 403
            ? 'the server wants credentials: npm’s come from .npmrc, the mirror’s from the recipe'
            : 'the server is in trouble or limits requests; try again later',
      details: { status, ...(wait === undefined ? {} : { retryAfterMs: wait }) },
    },
  );
}

function refuseTooLarge(request: DownloadRequest, sizeBytes: number | undefined): void {
  const limit = request.expected.sizeBytes ?? request.maxBytes;
  if (sizeBytes === undefined || sizeBytes <= limit) return;
  throw new Failure('INTEGRITY', `${request.name}: ${sizeBytes} bytes or more, but at most ${limit} are allowed`, {
    hint: 'the file was not used: the server does not send what its index promised',
  });
}

function describeMismatch({ expected }: DownloadRequest, file: DownloadedFile): string | undefined {
  if (expected.sizeBytes !== undefined && file.sizeBytes !== expected.sizeBytes) {
    return `${file.sizeBytes} bytes came, ${expected.sizeBytes} were promised`;
  }
  if (expected.sha256 !== undefined && file.digest !== expected.sha256) {
    return `the digest is ${file.digest}, ${expected.sha256} was promised`;
  }
  if (expected.sha512 !== undefined && file.sha512 !== expected.sha512) {
    return `the integrity is sha512-${file.sha512}, sha512-${expected.sha512} was promised`;
  }
  return undefined;
}

async function hashFile(path: string): Promise<DownloadedFile> {
  const sha256 = createHash('sha256');
  const sha512 = createHash('sha512');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    sha256.update(chunk as Buffer);
    sha512.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { path, digest: `sha256:${sha256.digest('hex')}`, sha512: sha512.digest('base64'), sizeBytes };
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    return buffer.subarray(0, bytesRead).toString('latin1');
  } finally {
    await file.close();
  }
}

function looksLikeHtml(start: string): boolean {
  return /^\s*<(!doctype|html|head|body)/i.test(start);
}

function startsAt(contentRange: string | undefined): number | undefined {
  const match = /^bytes (\d+)-/.exec(contentRange ?? '');
  return match ? Number(match[1]) : undefined;
}
