import { Failure } from '../../core/errors.ts';
import {
  readBody,
  retryAfterMs,
  withoutCredentials,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from '../../core/http.ts';
import { createGate } from '../../core/concurrency.ts';
import { retryTransient, type RetryPolicy } from '../../core/retry.ts';
import type { Report } from '../../core/events.ts';
import { parseJson } from '../../core/json.ts';
import { translated } from './translate-failure.ts';
import { unauthorized, type TokenSource } from './token-source.ts';

export interface RegistryRequest extends Omit<HttpRequest, 'body'> {
  /** Made anew for each try: a body that was half sent cannot be sent again. */
  readonly body?: () => HttpRequest['body'];
  /** Answers with these statuses are results; all others are failures. */
  readonly accept: readonly number[];
  /** Pull only, unless said otherwise. */
  readonly push?: boolean;
  /** A second repository that must be readable, for mounts. */
  readonly from?: string;
  /** Follow redirects to other hosts, without our credentials (blob downloads). */
  readonly follow?: boolean;
}

export interface Transport {
  readonly registry: string;
  /** Scheme, host and port: what credentials and uploads are for. */
  readonly origin: string;
  readonly repository: string;
  /** @param path absolute address, or a path below `/v2/REPOSITORY/` */
  send(path: string, request: RegistryRequest): Promise<HttpResponse & { readonly url: string }>;
}

export interface TransportOptions {
  readonly http: HttpClient;
  readonly registry: string;
  readonly repository: string;
  readonly plainHttp: boolean;
  readonly tokens: TokenSource;
  readonly signal: AbortSignal;
  readonly report: Report;
  readonly retry?: RetryPolicy;
}

const maxErrorBytes = 64 << 10;
const connections = 8;

/** Sends requests to one repository: credentials, back-off on 429 and 5xx, and errors that say which side failed. */
export function createTransport(options: TransportOptions): Transport {
  const scheme = options.plainHttp ? 'http' : 'https';
  const gate = createGate(connections);
  const root = `${scheme}://${options.registry}/v2/${options.repository}/`;

  function scopesOf(request: RegistryRequest): string[] {
    const own = `repository:${options.repository}:${request.push ? 'pull,push' : 'pull'}`;
    return request.from === undefined ? [own] : [own, `repository:${request.from}:pull`];
  }

  async function sendOnce(
    url: string,
    request: RegistryRequest,
    ledBy: string | undefined,
  ): Promise<HttpResponse & { url: string }> {
    const scopes = scopesOf(request);
    for (let attempt = 0; ; attempt++) {
      const own = new URL(url).origin === new URL(root).origin;
      const authorization = own ? options.tokens.header(scopes) : undefined;
      const headers = { ...request.headers, ...(authorization ? { authorization } : {}) };
      const response = await translated(() =>
        options.http.send(url, {
          ...request,
          body: request.body?.(),
          headers,
          signal: options.signal,
          ...(ledBy === undefined ? {} : { ledBy }),
        }),
      );
      if (response.status === 401 && own && attempt === 0 && !request.accept.includes(401)) {
        await response.body.dump();
        if (await options.tokens.learn(response, scopes)) continue;
        throw unauthorized(options.registry, 401);
      }
      return { ...response, url };
    }
  }

  async function sendFollowing(start: string, request: RegistryRequest): Promise<HttpResponse & { url: string }> {
    let url = start;
    // An address that is not ours was named by an answer: the place of an upload, the next page of a list.
    let ledBy = new URL(start).origin === new URL(root).origin ? undefined : root;
    for (let hop = 0; hop < 5; hop++) {
      const response = await sendOnce(url, request, ledBy);
      const location = response.headers['location'];
      if (!request.follow || response.status < 300 || response.status >= 400 || !location) return response;
      await response.body.dump();
      ledBy = url;
      url = new URL(location, url).href;
    }
    throw new Failure('REGISTRY_INVALID', `${options.registry} redirects in a circle`);
  }

  return {
    registry: options.registry,
    origin: new URL(root).origin,
    repository: options.repository,
    async send(path, request) {
      const url = new URL(path, root).href;
      return await retryTransient(
        () =>
          gate(async () => {
            const response = await sendFollowing(url, request);
            if (request.accept.includes(response.status)) return response;
            throw await describeRefusal(options.registry, response);
          }),
        {
          signal: options.signal,
          policy: options.retry,
          onRetry: (attempt, error, waitMs) =>
            options.report({ kind: 'retry', name: options.registry, attempt, reason: error.message, waitMs }),
        },
      );
    },
  };
}

async function describeRefusal(registry: string, response: HttpResponse & { readonly url: string }): Promise<Failure> {
  const { status } = response;
  const body = await readBody(response, maxErrorBytes, response.url).catch(() => Buffer.alloc(0));
  const detail = errorText(body.toString('utf8'));
  const at = withoutCredentials(response.url);
  const message = `${registry} answered ${status} for ${at}${detail ? `: ${detail}` : ''}`;
  const wait = retryAfterMs(response.headers['retry-after'], new Date());
  const details = { status, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
  if ([408, 429, 499, 500, 502, 503, 504, 522].includes(status)) {
    return new Failure('REGISTRY_UNREACHABLE', message, {
      hint:
        status === 429
          ? 'the registry limits requests; log in, or wait'
          : 'the registry is in trouble; run again later, finished uploads are kept',
      details,
    });
  }
  if (status === 401) return unauthorized(registry, status);
  if (status === 403)
    return new Failure('REGISTRY_UNAUTHORIZED', message, {
      hint: 'the account may not do this in the repository',
      details,
    });
  if (status === 404) return new Failure('NOT_FOUND', message, { hint: 'check the name of the repository', details });
  return new Failure('REGISTRY_INVALID', message, { hint: 'the registry refuses the request for good', details });
}

/** Codes and messages of the distribution spec's error body, when it is one. */
function errorText(text: string): string {
  try {
    const { errors } = parseJson(text) as { errors?: { code?: string; message?: string }[] };
    return (errors ?? []).map((error) => [error.code, error.message].filter(Boolean).join(' ')).join('; ');
  } catch {
    return '';
  }
}
