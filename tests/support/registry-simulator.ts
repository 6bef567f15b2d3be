import type { IncomingMessage, ServerResponse } from 'node:http';
import { digestOf, type Digest } from '../../src/core/digest.ts';
import { serve } from './http-server.ts';

/** Asked before each request; answers `true` when it has dealt with it itself. */
export type Fault = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;

export interface SimulatorOptions {
  readonly referrers?: boolean;
  readonly fault?: Fault;
  readonly token?: { readonly user?: string; readonly password?: string };
  readonly mountable?: ReadonlyMap<Digest, Buffer>;
}

/** An in-memory registry that can be told to misbehave: the distribution spec as far as our client uses it. */
export async function startSimulator(options: SimulatorOptions = {}) {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, { bytes: Buffer; mediaType: string }>();
  const uploads = new Map<string, Buffer>();
  let uploadCount = 0;
  const server = await serve((request, response, body) => {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    if (url.pathname === '/token') return answerToken(request, response, url);
    if (options.token && request.headers.authorization !== 'Bearer good') {
      const scope = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'pull,push';
      response.setHeader(
        'www-authenticate',
        `Basic realm="old", Bearer realm="http://${request.headers.host}/token",service="sim",scope="repository:team/node:${scope}"`,
      );
      return response.writeHead(401).end();
    }
    if (options.fault?.(request, response, body)) return;
    const match = /^\/v2\/(.+?)\/(blobs|manifests|tags|referrers)\/(.*)$/.exec(url.pathname);
    if (!match) return response.writeHead(url.pathname === '/v2/' ? 200 : 404).end();
    const [, , kind, rest = ''] = match;
    if (kind === 'blobs') return answerBlob(request, response, { rest, url, body });
    if (kind === 'manifests') return answerManifest(request, response, { rest, body });
    if (kind === 'tags')
      return response.end(
        JSON.stringify({ tags: [...manifests.keys()].filter((name) => !name.startsWith('sha256:')) }),
      );
    return answerReferrers(response, rest);
  });
  return { ...server, blobs, manifests, repository: `${server.host}/team/node` };

  function answerToken(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const { user, password } = options.token ?? {};
    const expected = user ? `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` : undefined;
    if (
      request.headers.authorization !== expected ||
      !url.searchParams.get('scope')?.startsWith('repository:team/node:')
    )
      return void response.writeHead(401).end();
    response.end(JSON.stringify({ access_token: 'good', expires_in: 300 }));
  }

  function answerBlob(
    request: IncomingMessage,
    response: ServerResponse,
    { rest, url, body }: { rest: string; url: URL; body: Buffer },
  ): void {
    if (request.method === 'POST') {
      const wanted = url.searchParams.get('mount') as Digest | null;
      const mountable = wanted && options.mountable?.get(wanted);
      if (wanted && mountable) {
        blobs.set(wanted, mountable);
        return void response.writeHead(201).end();
      }
      const id = String(++uploadCount);
      uploads.set(id, Buffer.alloc(0));
      // A relative address with a query of its own, as some registries send.
      return void response.writeHead(202, { location: `/v2/team/node/blobs/uploads/${id}?state=a%2Fb` }).end();
    }
    if (rest.startsWith('uploads/'))
      return answerUpload(request, response, { id: rest.slice('uploads/'.length), url, body });
    const bytes = blobs.get(rest);
    if (!bytes) return void response.writeHead(404).end('{"errors":[{"code":"BLOB_UNKNOWN"}]}');
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response
      .writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start })
      .end(request.method === 'HEAD' ? undefined : bytes.subarray(start));
  }

  function answerUpload(
    request: IncomingMessage,
    response: ServerResponse,
    { id, url, body }: { id: string; url: URL; body: Buffer },
  ): void {
    const have = uploads.get(id);
    const location = `/v2/team/node/blobs/uploads/${id}?state=c`;
    if (!have) return void response.writeHead(404).end();
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    if (request.method === 'GET')
      return void response
        .writeHead(204, { location, ...(have.length > 0 ? { range: `0-${have.length - 1}` } : {}) })
        .end();
    if (request.method === 'PATCH') {
      const start = Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1]);
      if (start !== have.length) return void response.writeHead(416).end();
      uploads.set(id, Buffer.concat([have, body]));
      return void response.writeHead(202, { location }).end();
    }
    const bytes = Buffer.concat([have, body]);
    const digest = url.searchParams.get('digest') ?? '';
    if (digestOf(bytes) !== digest) return void response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
    blobs.set(digest, bytes);
    response.writeHead(201).end();
  }

  function answerManifest(
    request: IncomingMessage,
    response: ServerResponse,
    { rest, body }: { rest: string; body: Buffer },
  ): void {
    if (request.method === 'PUT') {
      const stored = { bytes: body, mediaType: request.headers['content-type'] ?? '' };
      manifests.set(rest, stored);
      manifests.set(digestOf(body), stored);
      const subject = (JSON.parse(body.toString()) as { subject?: { digest: string } }).subject;
      return void response.writeHead(201, options.referrers && subject ? { 'oci-subject': subject.digest } : {}).end();
    }
    if (request.method === 'DELETE') return void response.writeHead(manifests.delete(rest) ? 202 : 404).end();
    const found = manifests.get(rest);
    if (!found) return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': found.mediaType,
      'content-length': found.bytes.length,
      'docker-content-digest': digestOf(found.bytes),
    });
    response.end(request.method === 'HEAD' ? undefined : found.bytes);
  }

  function answerReferrers(response: ServerResponse, subject: string): void {
    if (!options.referrers) return void response.writeHead(404).end();
    const found = [...manifests].flatMap(([name, { bytes, mediaType }]) => {
      const parsed = JSON.parse(bytes.toString()) as { subject?: { digest: string }; artifactType?: string };
      return name.startsWith('sha256:') && parsed.subject?.digest === subject
        ? [{ mediaType, digest: name, size: bytes.length, artifactType: parsed.artifactType }]
        : [];
    });
    response
      .writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' })
      .end(JSON.stringify({ schemaVersion: 2, manifests: found }));
  }
}
