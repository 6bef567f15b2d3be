import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type Daemon } from '../../../tests/support/daemons.ts';
import { startSimulator, type Fault, type SimulatorOptions } from '../../../tests/support/registry-simulator.ts';
import { storeCases } from '../../../tests/support/store-cases.ts';
import { temporaryFolder } from '../../../tests/support/workspace.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { blobOfBytes, readBlob } from '../read-blob.ts';
import { parseChallenges } from './auth-challenge.ts';
import { openRegistryStore, type RegistryOptions } from './registry-store.ts';
import { nextLink } from './tags.ts';

const quick = { attempts: 4, firstDelayMs: 1, maxDelayMs: 3 };

function open(repository: string, more: Partial<RegistryOptions> = {}) {
  return openRegistryStore({
    repository,
    env: { HOME: '/nonexistent' },
    signal: new AbortController().signal,
    report: () => {},
    retry: quick,
    ...more,
  });
}

async function simulate(options: SimulatorOptions = {}, more: Partial<RegistryOptions> = {}) {
  const simulator = await startSimulator(options);
  return { simulator, store: open(simulator.repository, more) };
}

/** Answers the first `count` matching requests in a way of its own. */
function failFirst(count: number, method: string, path: RegExp, answer: Fault): Fault & { hits: () => number } {
  let hits = 0;
  const fault: Fault = (request, response, body) =>
    request.method === method && path.test(request.url ?? '') && ++hits <= count && answer(request, response, body);
  return Object.assign(fault, { hits: () => hits });
}

const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Fault =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
const reset: Fault = (request) => {
  request.socket.destroy();
  return true;
};

describe('a registry with the referrers API', () => {
  storeCases(async () => (await simulate({ referrers: true })).store);
});

describe('a registry without the referrers API', () => {
  storeCases(async () => (await simulate({ referrers: false })).store);
});

describe('Debian’s docker-registry', () => {
  let registry: Daemon;
  let count = 0;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(async () => await registry.stop());
  storeCases(async () => open(`${registry.address}/team/node${++count}`));

  it('takes a large blob in parts when one piece does not get through', async () => {
    const store = open(`${registry.address}/team/large`);
    const blob = blobOfBytes(randomBytes(3 << 20));
    await store.putBlob(blob);
    expect((await readBlob(store, blob)).length).toBe(3 << 20);
  });

  it('mounts a blob from another repository instead of taking it again', async () => {
    const blob = blobOfBytes(randomBytes(1000));
    await open(`${registry.address}/team/first`).putBlob(blob);
    const store = open(`${registry.address}/team/second`, { mountFrom: 'team/first' });
    expect(await store.putBlob({ ...blob, open: () => expect.fail('the bytes were sent again') })).toBe('present');
    expect(await store.hasBlob(blob.digest)).toBe(true);
  });
});

describe('a registry in trouble', () => {
  const blob = blobOfBytes(randomBytes(50_000));

  it.each([429, 500, 502, 503])('is asked again after %i', async (status) => {
    const fault = failFirst(2, 'POST', /uploads/, answer(status));
    const { store } = await simulate({ fault });
    await store.putBlob(blob);
    expect(fault.hits()).toBe(3);
  });

  it('gets the time it asks for', async () => {
    const waits: number[] = [];
    const { store } = await simulate(
      { fault: failFirst(1, 'HEAD', /blobs/, answer(429, { 'retry-after': '0' })) },
      { report: (event) => void (event.kind === 'retry' && waits.push(event.waitMs)) },
    );
    await store.hasBlob(blob.digest);
    expect(waits).toHaveLength(1);
  });

  it.each([
    [403, 'REGISTRY_UNAUTHORIZED'],
    [404, 'NOT_FOUND'],
    [400, 'REGISTRY_INVALID'],
  ])('that says %i to an upload is not asked again', async (status, code) => {
    const fault = failFirst(99, 'POST', /uploads/, answer(status, {}, '{"errors":[{"code":"DENIED","message":"no"}]}'));
    const { store } = await simulate({ fault });
    await expect(store.putBlob(blob)).rejects.toMatchObject({ code, message: expect.stringContaining('DENIED no') });
    expect(fault.hits()).toBe(1);
  });

  it('that stays in trouble is reported as such', async () => {
    const { store } = await simulate({ fault: failFirst(99, 'HEAD', /blobs/, answer(500)) });
    await expect(store.hasBlob(blob.digest)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('500'),
    });
  });

  it('that resets while a blob comes gives the rest on the next try', async () => {
    const { simulator, store } = await simulate({
      fault: failFirst(1, 'GET', /blobs\/sha256/, (_, response) => {
        response.writeHead(200, { 'content-length': blob.size });
        void readAll(blob.open()).then((bytes) =>
          response.write(bytes.subarray(0, 20_000), () => setTimeout(() => response.destroy(), 20)),
        );
        return true;
      }),
    });
    await store.putBlob(blob);
    expect((await readBlob(store, blob)).length).toBe(blob.size);
    expect(simulator.requests.filter((request) => request.startsWith('GET /v2/team/node/blobs/'))).toHaveLength(2);
  });

  it('that resets while a blob goes gets it in parts, and resumes where it stopped', async () => {
    let patches = 0;
    const { simulator, store } = await simulate(
      {
        fault: (request, response, body) => {
          if (request.method === 'PUT' && body.length > 0 && request.url?.includes('uploads'))
            return reset(request, response, body);
          return request.method === 'PATCH' && ++patches === 2 && reset(request, response, body);
        },
      },
      { chunkBytes: 20_000, retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } },
    );
    await store.putBlob(blob);
    expect(simulator.blobs.get(blob.digest)?.length).toBe(blob.size);
    expect(simulator.requests.some((request) => request.startsWith('GET /v2/team/node/blobs/uploads/'))).toBe(true);
  });

  it('that returns other bytes than asked for is not believed', async () => {
    const { simulator, store } = await simulate();
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2 }));
    await store.putBlob(blob);
    const stored = await store.putManifest(manifest, mediaTypes.manifest);
    simulator.blobs.set(blob.digest, randomBytes(blob.size));
    simulator.manifests.set(stored.digest, {
      bytes: Buffer.from('{"schemaVersion":2,"evil":true}'),
      mediaType: mediaTypes.manifest,
    });
    await expect(readBlob(store, blob)).rejects.toMatchObject({ code: 'INTEGRITY' });
    await expect(store.getManifest(stored.digest)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('that loses what it took is noticed before a manifest names it', async () => {
    const { store } = await simulate({ fault: failFirst(1, 'PUT', /uploads/, answer(201)) });
    await expect(store.putBlob(blob)).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('does not have it'),
    });
  });

  it('that wants an upload sent elsewhere is refused', async () => {
    const { store } = await simulate({
      fault: failFirst(1, 'POST', /uploads/, answer(202, { location: 'http://127.0.0.1:1/steal' })),
    });
    await expect(store.putBlob(blob)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
  });

  it('whose referrers another writer overwrites ends with all of them', async () => {
    const { simulator, store } = await simulate({ referrers: false });
    const subject = await store.putManifest(Buffer.from('{"schemaVersion":2}'), mediaTypes.manifest);
    const config = { mediaType: mediaTypes.empty, digest: blob.digest, size: 2 };
    const bytes = (n: number): Buffer =>
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          config,
          layers: [],
          subject,
          artifactType: 't',
          annotations: { n: String(n) },
        }),
      );
    await Promise.all([1, 2, 3].map((n) => open(simulator.repository).putManifest(bytes(n), mediaTypes.manifest)));
    expect(await store.listReferrers(subject.digest)).toHaveLength(3);
  });
});

describe('access', () => {
  it('is anonymous where that is enough: a token without credentials', async () => {
    const { store } = await simulate({ token: {} });
    expect(await store.listTags()).toEqual([]);
  });

  it('uses docker’s configuration', async () => {
    const { simulator } = await simulate({ token: { user: 'me', password: 'pass:word' } });
    const folder = await temporaryFolder();
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ auths: { [simulator.host]: { auth: Buffer.from('me:pass:word').toString('base64') } } }),
    );
    expect(await open(simulator.repository, { env: { DOCKER_CONFIG: folder } }).listTags()).toEqual([]);
  });

  it('asks a credential helper', async () => {
    const { simulator } = await simulate({ token: { user: 'me', password: 'helped' } });
    const folder = await temporaryFolder();
    const helper = join(folder, 'docker-credential-test');
    await writeFile(
      helper,
      `#!/bin/sh\nread host\n[ "$host" = "${simulator.host}" ] || { echo "credentials not found in native keychain"; exit 1; }\necho '{"ServerURL":"x","Username":"me","Secret":"helped"}'\n`,
    );
    await chmod(helper, 0o755);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ credsStore: 'test' }));
    const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` };
    expect(await open(simulator.repository, { env }).listTags()).toEqual([]);
  });

  it('says how to log in when it is refused, and never names the secret', async () => {
    const { simulator } = await simulate({ token: { user: 'me', password: 'right' } });
    const folder = await temporaryFolder();
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ auths: { [simulator.host]: { username: 'me', password: 'hunter2' } } }),
    );
    const refused = open(simulator.repository, { env: { DOCKER_CONFIG: folder } }).listTags();
    await expect(refused).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      hint: expect.stringContaining('docker login'),
      message: expect.not.stringContaining('hunter2'),
    });
  });

  it('does not send credentials to a token server that is less safe than the registry', async () => {
    const { store } = await simulate({
      fault: (_, response) =>
        answer(401, { 'www-authenticate': 'Bearer realm="http://169.254.169.254/token",service="x"' })(
          _,
          response,
          Buffer.alloc(0),
        ),
    });
    await expect(store.listTags()).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringMatching(/leads to http:.*an address of this link/),
    });
  });
});

it('parseChallenges reads several challenges, quotes and commas inside of values', () => {
  expect(
    parseChallenges(
      'Basic realm="a \\"b\\"", Bearer realm="https://x/t",scope="repository:a:pull,push", error=insufficient_scope',
    ),
  ).toEqual([
    { scheme: 'basic', parameters: { realm: 'a "b"' } },
    {
      scheme: 'bearer',
      parameters: { realm: 'https://x/t', scope: 'repository:a:pull,push', error: 'insufficient_scope' },
    },
  ]);
});

it('nextLink finds the next page', () => {
  expect(nextLink('</v2/a/tags/list?n=2&last=b>; rel="next"')).toBe('/v2/a/tags/list?n=2&last=b');
  expect(nextLink(undefined)).toBeUndefined();
});

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}
