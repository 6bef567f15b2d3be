import { Readable } from 'node:stream';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { unreachable } from '../../core/http.ts';
import { verified } from '../read-blob.ts';
import type { BlobSource } from '../store.ts';
import type { Transport } from './transport.ts';

/** HEAD /v2/NAME/blobs/DIGEST */
export async function headBlob(transport: Transport, digest: Digest): Promise<{ readonly size?: number } | undefined> {
  const response = await transport.send(`blobs/${digest}`, { method: 'HEAD', accept: [200, 404], follow: true });
  await response.body.dump();
  if (response.status === 404) return undefined;
  const size = response.headers['content-length'];
  return size === undefined ? {} : { size: Number(size) };
}

/** GET /v2/NAME/blobs/DIGEST; a dropped connection goes on where it stopped, and every byte is hashed. */
export function getBlob(transport: Transport, digest: Digest, size: number): AsyncIterable<Buffer> {
  return verified(resuming(transport, digest, size), { digest, size, from: transport.registry });
}

const maxResumes = 5;

async function* resuming(transport: Transport, digest: Digest, size: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for (let attempt = 0; ; attempt++) {
    const range: Record<string, string> = received > 0 ? { range: `bytes=${received}-${size - 1}` } : {};
    const response = await transport.send(`blobs/${digest}`, { headers: range, accept: [200, 206], follow: true });
    // A server that ignores the range starts again: what is known already is passed over.
    let skip = response.status === 200 ? received : 0;
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        if (skip >= chunk.length) {
          skip -= chunk.length;
          continue;
        }
        const part = skip > 0 ? chunk.subarray(skip) : chunk;
        skip = 0;
        received += part.length;
        yield part;
      }
      if (received >= size) return;
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (attempt >= maxResumes)
        throw new Failure('REGISTRY_UNREACHABLE', unreachable(response.url, error).message, { cause: error });
      continue;
    }
    if (attempt >= maxResumes)
      throw new Failure('REGISTRY_UNREACHABLE', `${transport.registry} sent ${received} of ${size} bytes of ${digest}`);
  }
}

/** POST /v2/NAME/blobs/uploads/?mount=DIGEST&from=OTHER; false when the registry opened an ordinary upload instead. */
export async function mountBlob(transport: Transport, digest: Digest, from: string): Promise<boolean> {
  const path = `blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`;
  const response = await transport.send(path, {
    method: 'POST',
    push: true,
    from,
    accept: [201, 202, 401, 403, 404, 405],
  });
  await response.body.dump();
  const location = response.headers['location'];
  if (response.status === 202 && location) await cancelUpload(transport, new URL(location, response.url).href);
  return response.status === 201;
}

async function cancelUpload(transport: Transport, location: string): Promise<void> {
  const response = await transport.send(location, {
    method: 'DELETE',
    push: true,
    accept: [200, 202, 204, 400, 404, 405],
  });
  await response.body.dump();
}

export interface UploadOptions {
  /** Largest part of a chunked upload, in bytes; larger blobs are sent in parts when one piece does not get through. */
  readonly chunkBytes?: number;
}

/** POST, then PUT the whole blob; when that breaks, PATCH in parts that can be resumed. */
export async function uploadBlob(transport: Transport, source: BlobSource, options: UploadOptions = {}): Promise<void> {
  const { location } = await openUpload(transport);
  try {
    const response = await transport.send(withDigest(location, source.digest), {
      method: 'PUT',
      push: true,
      accept: [201, 404, 405, 413, 416],
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(source.size) },
      body: () => Readable.from(source.open()),
      bodyTimeoutMs: 600_000,
      headersTimeoutMs: 600_000,
    });
    await response.body.dump();
    if (response.status === 201) return;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
  }
  await uploadInChunks(transport, source, options.chunkBytes ?? 8 << 20);
}

interface OpenedUpload {
  readonly location: string;
  /** Smallest part the registry takes, in bytes. */
  readonly minChunkBytes: number;
}

async function openUpload(transport: Transport): Promise<OpenedUpload> {
  const response = await transport.send('blobs/uploads/', {
    method: 'POST',
    push: true,
    accept: [202],
    headers: { 'content-length': '0' },
  });
  await response.body.dump();
  return {
    location: safeLocation(transport, response.headers['location'], response.url),
    minChunkBytes: Number(response.headers['oci-chunk-min-length'] ?? 0),
  };
}

async function uploadInChunks(transport: Transport, source: BlobSource, chunkBytes: number): Promise<void> {
  const opened = await openUpload(transport);
  let { location } = opened;
  const size = Math.max(chunkBytes, opened.minChunkBytes);
  for (let sent = 0, resumes = 0; sent < source.size;) {
    const end = Math.min(sent + size, source.size);
    const bytes = await readRange(source, sent, end);
    try {
      const response = await transport.send(location, {
        method: 'PATCH',
        push: true,
        accept: [201, 202, 416],
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(bytes.length),
          'content-range': `${sent}-${end - 1}`,
        },
        body: () => bytes,
      });
      await response.body.dump();
      if (response.status !== 416) {
        location = safeLocation(transport, response.headers['location'], response.url);
        sent = end;
        continue;
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
    }
    if (++resumes > 5)
      throw new Failure(
        'REGISTRY_UNREACHABLE',
        `${transport.registry} does not take ${source.digest}: the upload broke ${resumes} times`,
        { hint: 'run again later; finished blobs are kept' },
      );
    const status = await transport.send(location, { method: 'GET', push: true, accept: [204] });
    await status.body.dump();
    location = status.headers['location'] ? safeLocation(transport, status.headers['location'], status.url) : location;
    const range = /^(?:bytes=)?0-(\d+)$/.exec(status.headers['range'] ?? '');
    sent = range ? Number(range[1]) + 1 : 0;
  }
  const response = await transport.send(withDigest(location, source.digest), {
    method: 'PUT',
    push: true,
    accept: [201],
    headers: { 'content-length': '0' },
  });
  await response.body.dump();
}

async function readRange(source: BlobSource, start: number, end: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let at = 0;
  for await (const chunk of source.open()) {
    const from = Math.max(0, start - at);
    const to = Math.min(chunk.length, end - at);
    if (from < to) parts.push(chunk.subarray(from, to));
    at += chunk.length;
    if (at >= end) break;
  }
  return Buffer.concat(parts);
}

/** The address may be relative and has a query of its own; another host must not get our bytes. */
function safeLocation(transport: Transport, location: string | undefined, base: string): string {
  if (!location) throw new Failure('REGISTRY_INVALID', `${transport.registry} opened an upload without an address`);
  const url = new URL(location, base);
  if (url.origin !== transport.origin)
    throw new Failure('REGISTRY_INVALID', `${transport.registry} wants the upload sent to ${url.origin}`, {
      hint: 'set the registry’s external address (REGISTRY_HTTP_HOST) right',
    });
  return url.href;
}

function withDigest(location: string, digest: Digest): string {
  const url = new URL(location);
  url.searchParams.set('digest', digest);
  return url.href;
}
