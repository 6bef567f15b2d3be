import { z } from 'zod';
import { SingleFlight } from '../../core/concurrency.ts';
import { Failure } from '../../core/errors.ts';
import { readBody, type HttpClient, type HttpResponse } from '../../core/http.ts';
import { readJson } from '../../core/json.ts';
import { translated } from './translate-failure.ts';
import { parseChallenges } from './auth-challenge.ts';
import type { Credentials } from './credentials.ts';

export interface TokenSource {
  /** Header for a request with these scopes, when one is known to be needed. */
  header(scopes: readonly string[]): string | undefined;
  /** Learns from a 401; answers whether another try makes sense. */
  learn(response: HttpResponse, scopes: readonly string[]): Promise<boolean>;
}

export interface TokenOptions {
  readonly http: HttpClient;
  readonly registry: string;
  readonly plainHttp: boolean;
  readonly credentials: () => Promise<Credentials | undefined>;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

const Answer = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});
const maxAnswerBytes = 64 << 10;
const defaultLifetimeSeconds = 60;
/** A token is renewed before its end: the request it goes with takes time. */
const marginSeconds = 10;

/** Token and basic authentication of a registry (distribution spec, "Authentication"; docker token specification). */
export function createTokenSource(options: TokenOptions): TokenSource {
  const tokens = new Map<string, { readonly header: string; readonly until: number }>();
  const flights = new SingleFlight<string>();
  let basic: string | undefined;
  const root = `${options.plainHttp ? 'http' : 'https'}://${options.registry}/`;

  async function fetchToken(challenge: Readonly<Record<string, string>>, scopes: readonly string[]): Promise<string> {
    const realm = validateRealm(challenge['realm'] ?? '', options);
    const credentials = await options.credentials();
    if (credentials?.kind === 'identity') return await exchange(realm, { challenge, scopes, token: credentials.token });
    const url = new URL(realm);
    if (challenge['service']) url.searchParams.set('service', challenge['service']);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const headers: Record<string, string> = credentials ? { authorization: basicHeader(credentials) } : {};
    const response = await translated(() =>
      options.http.send(url.href, { headers, signal: options.signal, ledBy: root }),
    );
    return await readToken(response, url.href);
  }

  async function exchange(
    realm: string,
    {
      challenge,
      scopes,
      token,
    }: { challenge: Readonly<Record<string, string>>; scopes: readonly string[]; token: string },
  ): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service: challenge['service'] ?? '',
      scope: scopes.join(' '),
      client_id: 'nodeworthy',
      refresh_token: token,
    });
    const response = await translated(() =>
      options.http.send(realm, {
        method: 'POST',
        body: form.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        signal: options.signal,
        ledBy: root,
      }),
    );
    return await readToken(response, realm);
  }

  async function readToken(response: HttpResponse, url: string): Promise<string> {
    const body = await readBody(response, maxAnswerBytes, url);
    if (response.status !== 200) throw unauthorized(options.registry, response.status);
    const about = { name: `the answer of the token server of ${options.registry}`, code: 'REGISTRY_INVALID' } as const;
    const parsed = Answer.safeParse(readJson(body.toString('utf8'), about));
    const token = parsed.data?.token ?? parsed.data?.access_token;
    if (!token)
      throw new Failure('REGISTRY_INVALID', `the token server of ${options.registry} answered without a token`);
    return `${token} ${parsed.data?.expires_in ?? defaultLifetimeSeconds}`;
  }

  return {
    header(scopes) {
      const known = tokens.get(scopes.join(' '));
      return known && known.until > options.now() ? known.header : basic;
    },
    async learn(response, scopes) {
      const challenges = parseChallenges(response.headers['www-authenticate'] ?? '');
      const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
      const key = scopes.join(' ');
      if (bearer) {
        const before = tokens.get(key);
        const [token, lifetime] = (await flights.run(key, () => fetchToken(bearer.parameters, scopes))).split(' ');
        tokens.set(key, {
          header: `Bearer ${token}`,
          until: options.now() + (Number(lifetime) - marginSeconds) * 1000,
        });
        return before?.header !== `Bearer ${token}`;
      }
      const credentials = await options.credentials();
      if (
        !challenges.some((challenge) => challenge.scheme === 'basic') ||
        credentials?.kind !== 'password' ||
        basic !== undefined
      )
        return false;
      basic = basicHeader(credentials);
      return true;
    },
  };
}

function basicHeader(credentials: Credentials): string {
  if (credentials.kind === 'identity') return `Bearer ${credentials.token}`;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

/** Credentials go to the realm: it must be as safe as the registry. Where it may be, the client judges. */
function validateRealm(realm: string, { registry, plainHttp }: TokenOptions): string {
  let url: URL;
  try {
    url = new URL(realm);
  } catch {
    throw new Failure('REGISTRY_INVALID', `${registry} names no token server: ${JSON.stringify(realm)}`);
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && plainHttp)) return url.href;
  throw new Failure(
    'REGISTRY_INVALID',
    `${registry} wants the credentials sent to ${url.protocol}//${url.host}, which is not safe`,
    { hint: 'the registry, or something in front of it, is misconfigured or hostile' },
  );
}

export function unauthorized(registry: string, status: number): Failure {
  return new Failure('REGISTRY_UNAUTHORIZED', `${registry} refused access (${status})`, {
    hint: 'log in with `docker login` or `podman login`, and check that the account may use the repository',
    details: { status },
  });
}
