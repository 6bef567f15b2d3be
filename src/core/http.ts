import { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { TcpSocketConnectOpts } from 'node:net';
import type { Dispatcher } from 'undici';
import { Failure, systemCode } from './errors.ts';
import { mayLead, reaches, reachOf, reachOfHost, type Reach } from './reach.ts';

export interface HttpOptions {
  /** PEM file with certificate authorities to trust beside the built-in ones. */
  readonly caFile?: string;
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  /** A unix socket to talk to instead of the network (container engines). */
  readonly socketPath?: string;
  readonly connections?: number;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Dispatcher.DispatchOptions['body'];
  readonly signal?: AbortSignal;
  readonly headersTimeoutMs?: number;
  readonly bodyTimeoutMs?: number;
  /**
   * The address whose answer named this one: a redirect, a token server, the next page. Without it, the user named it.
   * It cannot lead from https to http, nor to machines near us unless it is as near itself.
   */
  readonly ledBy?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
}

/** A client that neither follows redirects nor retries: both are decisions of the caller, who knows what is safe. */
export interface HttpClient {
  send(url: string, options?: HttpRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

export function createHttpClient(options: HttpOptions = {}): HttpClient {
  const hosts = judgeHosts();
  const connect = {
    lookup: hosts.lookup,
    ...(options.caFile ? { ca: readAuthorities(options.caFile) } : {}),
    ...(options.socketPath ? { socketPath: options.socketPath } : {}),
    timeout: 15_000,
  };
  const shared = { connect, connections: options.connections ?? 8, allowH2: false };
  let opened: { readonly dispatcher: Dispatcher; readonly request: Api['request'] } | undefined;
  function open() {
    const { Agent, EnvHttpProxyAgent, request } = loadUndici();
    const dispatcher: Dispatcher = options.socketPath
      ? new Agent(shared)
      : new EnvHttpProxyAgent({ ...shared, ...proxySettings(options) });
    return { dispatcher, request };
  }
  return {
    async send(url, { method = 'GET', headers, body, signal, headersTimeoutMs, bodyTimeoutMs, ledBy } = {}) {
      if (!options.socketPath) hosts.admit(url, ledBy);
      try {
        const { dispatcher, request } = (opened ??= open());
        const { address, login } = splitLogin(url, ledBy);
        const { origin, pathname, search } = new URL(address);
        const response = await request.call(dispatcher, {
          origin,
          path: `${pathname}${search}`,
          method,
          headers: login === undefined ? headers : { authorization: login, ...headers },
          body,
          signal,
          headersTimeout: headersTimeoutMs ?? 60_000,
          bodyTimeout: bodyTimeoutMs ?? 60_000,
        });
        return { status: response.statusCode, headers: flatHeaders(response.headers), body: response.body };
      } catch (error) {
        signal?.throwIfAborted();
        throw unreachable(url, error);
      }
    },
    async close() {
      await opened?.dispatcher.close();
    },
  };
}

interface Api {
  request(
    this: Dispatcher,
    options: Dispatcher.DispatchOptions & Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}

/**
 * Undici's client without the browser's interfaces on top of it, which are two thirds of what there is to load: a command
 * that asks a registry one thing mostly loads. Not before the first request, because most commands send none.
 */
function loadUndici() {
  const load = createRequire(import.meta.url);
  return {
    Agent: load('undici/lib/dispatcher/agent.js') as typeof import('undici').Agent,
    EnvHttpProxyAgent: load(
      'undici/lib/dispatcher/env-http-proxy-agent.js',
    ) as typeof import('undici').EnvHttpProxyAgent,
    request: (load('undici/lib/api/index.js') as Api).request,
  };
}

/**
 * User and password of an address as a header (RFC 7617): they are not part of what is asked for. Where somebody else
 * leads to is nobody's login, unless it is the same origin.
 */
function splitLogin(
  url: string,
  ledBy: string | undefined,
): { readonly address: string; readonly login: string | undefined } {
  if (!url.includes('@')) return { address: url, login: undefined };
  const target = new URL(url);
  const [user, password] = [target.username, target.password].map(decodeURIComponent);
  target.username = '';
  target.password = '';
  const isOwn = ledBy === undefined || new URL(ledBy).origin === target.origin;
  const login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return { address: target.href, login: isOwn && user !== '' ? login : undefined };
}

/** Reads a response body into memory, never more than `maxBytes`. */
export async function readBody(response: HttpResponse, maxBytes: number, url: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        response.body.destroy();
        throw new Failure('SOURCE_INVALID', `${withoutCredentials(url)} answered more than ${maxBytes} bytes`, {
          hint: 'the server, or a proxy in between, does not answer what it should',
        });
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Failure ? error : unreachable(url, error);
  }
  return Buffer.concat(chunks);
}

type Lookup = NonNullable<TcpSocketConnectOpts['lookup']>;

/** Which hosts may be talked to. A name is looked up once for a connection, and the address that was judged is used. */
function judgeHosts(): { readonly admit: (url: string, ledBy: string | undefined) => void; readonly lookup: Lookup } {
  const named = new Set<string>();
  const found = new Map<string, Reach>();
  /** Of names that somebody else gave: where that somebody is. */
  const leaders = new Map<string, { readonly from: Reach; readonly by: string }>();
  return {
    admit(url, ledBy) {
      const target = new URL(url);
      const { hostname, origin } = target;
      if (ledBy === undefined) {
        named.add(hostname);
        return;
      }
      const leader = new URL(ledBy);
      if (leader.protocol === 'https:' && target.protocol !== 'https:')
        throw new Failure('SOURCE_INVALID', `${leader.origin} leads to ${origin}, which is not encrypted`, {
          hint: 'it was not followed: the server, or something in front of it, is misconfigured or hostile',
        });
      if (named.has(hostname)) return;
      const from = reachOfHost(leader.hostname) ?? found.get(leader.hostname) ?? 'public';
      const known = leaders.get(hostname);
      // Of two that led to a name the one farther away counts.
      if (!known || mayLead(known.from, from)) leaders.set(hostname, { from, by: leader.origin });
      const reach = reachOfHost(hostname);
      if (reach !== undefined && !mayLead(from, reach)) throw tooNear(leader.origin, origin, reach);
    },
    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        const reach = reaches.findLast((one) => addresses.some(({ address }) => reachOf(address) === one)) ?? 'public';
        found.set(hostname, reach);
        const leader = named.has(hostname) ? undefined : leaders.get(hostname);
        if (leader && !mayLead(leader.from, reach))
          return callback(tooNear(leader.by, hostname, reach) as NodeJS.ErrnoException, '', 0);
        if (options.all) return callback(null, addresses);
        const [first] = addresses;
        return callback(null, first?.address ?? '', first?.family ?? 0);
      });
    },
  };
}

function tooNear(by: string, to: string, reach: Reach): Failure {
  const what = {
    public: 'public',
    private: 'of a private network',
    loopback: 'of this machine',
    'link-local': 'of this link',
  };
  return new Failure('SOURCE_INVALID', `${by} leads to ${to}, an address ${what[reach]}`, {
    hint: 'it was not followed: only a server that is as near, or that the recipe or the configuration of this machine names, may be there',
  });
}

export function unreachable(url: string, cause: unknown): Failure {
  const own = [cause, cause instanceof Error ? cause.cause : undefined].find((error) => error instanceof Failure);
  if (own instanceof Failure) return own;
  const code = systemCode(cause) ?? (cause instanceof Error ? cause.message : 'unknown');
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO/i.test(code);
  return new Failure(certificate ? 'SOURCE_INVALID' : 'SOURCE_UNREACHABLE', `${withoutCredentials(url)}: ${code}`, {
    hint: certificate
      ? 'the certificate is not trusted: name your own authority in NODE_EXTRA_CA_CERTS or npm’s cafile'
      : 'check the network and the address; proxies are read from HTTP_PROXY, HTTPS_PROXY and NO_PROXY',
    cause,
  });
}

/** Milliseconds of a `Retry-After` header, which is seconds or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** The address without user, password and query, fit for messages. */
export function withoutCredentials(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  } catch {
    return url;
  }
}

function proxySettings(options: HttpOptions) {
  return {
    ...(options.httpProxy ? { httpProxy: options.httpProxy } : {}),
    ...(options.httpsProxy ? { httpsProxy: options.httpsProxy } : {}),
    ...(options.noProxy ? { noProxy: options.noProxy } : {}),
  };
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure('FILE_UNUSABLE', `the certificate authorities in ${path} cannot be read`, { cause: error });
  }
}

function flatHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  const flat: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers))
    flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  return flat;
}
