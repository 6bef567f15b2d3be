import { createPrivateKey, sign } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../tests/support/registry-simulator.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import { isFailure } from '../core/errors.ts';
import { bundleOfKey, keyHint } from '../formats/attestation/bundle.ts';
import { preAuthEncoding, statementPayloadType } from '../formats/attestation/dsse.ts';
import type { PredicateKind } from '../formats/attestation/predicates.ts';
import { statementBytes } from '../formats/attestation/statement.ts';
import { createKeyPair } from '../signers/local-key/key-pair.ts';
import { mediaTypes } from '../formats/oci/media-types.ts';
import type { Descriptor } from '../formats/oci/descriptor.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import { openRegistryStore } from '../store/registry/registry-store.ts';
import type { Store } from '../store/store.ts';
import { believedEvidence } from './believed-evidence.ts';
import { attachEvidence, copyEvidence, listEvidence, readEvidence, type SignedEvidence } from './evidence-store.ts';
import { learnStops } from './learn-stops.ts';
import { trustInKey } from './trust-in-key.ts';

const pair = createKeyPair(undefined);
const key = createPrivateKey(pair.privateKey);
const trust = trustInKey(pair.publicKey, 'release.pub');
const now = new Date('2026-11-21T12:00:00Z');

function evidence(subject: Digest, number: number): SignedEvidence {
  const bytes = statementBytes({ kind: 'configuration', name: 'acme', subject, predicate: { number } });
  const signature = sign('sha256', preAuthEncoding(statementPayloadType, bytes), key);
  return {
    kind: 'configuration',
    bundle: bundleOfKey(bytes, signature, keyHint(key)),
    createdOn: now,
    inputs: digestOf(String(number)),
  };
}

async function putImage(store: Store): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
  return await store.putManifest(bytes, mediaTypes.index);
}

const opened: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of opened) await close();
});

async function openSimulator(options: Parameters<typeof startSimulator>[0] = {}) {
  const simulator = await startSimulator(options);
  const open = (): Store => {
    const store = openRegistryStore({
      repository: simulator.repository,
      env: {},
      signal: new AbortController().signal,
      report: () => {},
      retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 },
    });
    opened.push(() => store.close());
    return store;
  };
  opened.push(() => simulator.close());
  return { simulator, open };
}

describe.each([
  [
    'memory',
    async () => ({
      open: (
        (store) => () =>
          store
      )(createMemoryStore()),
    }),
  ],
  ['a registry with the referrers API', async () => await openSimulator({ referrers: true })],
  ['a registry without it', async () => await openSimulator({ referrers: false })],
] as const)('evidence in %s', (_, start) => {
  it('is attached, read back and believed', async () => {
    const { open } = await start();
    const store = open();
    const image = await putImage(store);
    await attachEvidence(store, image, [evidence(image.digest, 1), evidence(image.digest, 2)]);
    const found = await readEvidence(store, image.digest);
    expect(found).toHaveLength(2);
    const manifest = JSON.parse(found[0]?.manifestBytes.toString() ?? '') as Record<string, unknown>;
    expect(manifest).toMatchObject({
      artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', size: 2 },
      layers: [{ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }],
      subject: { digest: image.digest, size: image.size },
      annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope' },
    });
    const believed = await believedEvidence(store, image.digest, { trust, now });
    expect(believed.statements).toHaveLength(2);
    expect(believed.disbelieved).toEqual([]);
  });

  it('survives writers at the same time, in one process and in several', async () => {
    const { open } = await start();
    const writers = [open(), open(), open()];
    const [first] = writers;
    if (!first) throw new TypeError('no writer');
    const image = await putImage(first);
    await Promise.all(
      writers.map((store, at) =>
        attachEvidence(
          store,
          image,
          [1, 2, 3].map((number) => evidence(image.digest, at * 10 + number)),
        ),
      ),
    );
    expect(await listEvidence(open(), image.digest)).toHaveLength(9);
  });

  it('goes to another store as it is, and only what is missing there', async () => {
    const { open } = await start();
    const from = createMemoryStore();
    const image = await putImage(from);
    await putImage(open());
    await attachEvidence(from, image, [evidence(image.digest, 1)]);
    expect(await copyEvidence(from, open(), [image.digest])).toMatchObject({ copied: 1 });
    expect(await copyEvidence(from, open(), [image.digest])).toMatchObject({ copied: 0 });
    // What it was found to list a moment ago is not asked for again, and what it lacks comes all the same.
    const there = new Map([[image.digest, []]]);
    expect(await copyEvidence(from, open(), [image.digest], { there })).toMatchObject({ copied: 1 });
    expect((await readEvidence(open(), image.digest)).map(({ bytes }) => bytes.toString())).toEqual(
      (await readEvidence(from, image.digest)).map(({ bytes }) => bytes.toString()),
    );
  });
});

describe('what cannot be looked at', () => {
  it('is a failure, and never "there is none"', async () => {
    let broken = false;
    const { open } = await openSimulator({
      referrers: true,
      fault: (request, response) => {
        if (!broken || !request.url?.includes('/referrers/')) return false;
        response.writeHead(500).end();
        return true;
      },
    });
    const image = await putImage(open());
    await attachEvidence(open(), image, [evidence(image.digest, 1)]);
    expect(await listEvidence(open(), image.digest)).toHaveLength(1);
    broken = true;
    await expect(listEvidence(open(), image.digest)).rejects.toSatisfy((error: unknown) =>
      isFailure(error, 'REGISTRY_UNREACHABLE'),
    );
  });

  it('is a failure when it is listed and gone', async () => {
    const { simulator, open } = await openSimulator({ referrers: false });
    const image = await putImage(open());
    const [attached] = await attachEvidence(open(), image, [evidence(image.digest, 1)]);
    simulator.manifests.delete(attached?.digest ?? '');
    await expect(readEvidence(open(), image.digest)).rejects.toSatisfy((error: unknown) =>
      isFailure(error, 'NOT_FOUND'),
    );
  });

  it('is found out when a registry lists less than it was given', async () => {
    const { open } = await openSimulator({
      referrers: true,
      fault: (request, response) => {
        if (!request.url?.includes('/referrers/')) return false;
        response.writeHead(200, { 'content-type': mediaTypes.index });
        response.end(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
        return true;
      },
    });
    const image = await putImage(open());
    await expect(attachEvidence(open(), image, [evidence(image.digest, 1)])).rejects.toSatisfy((error: unknown) =>
      isFailure(error, 'REGISTRY_INVALID'),
    );
  });

  it('proves nothing when its bytes were changed', async () => {
    const store = createMemoryStore();
    const image = await putImage(store);
    const item = evidence(image.digest, 1);
    const payload = Buffer.from(item.bundle.dsseEnvelope.payload, 'base64')
      .toString()
      .replace('"number":1', '"number":9');
    const dsseEnvelope = { ...item.bundle.dsseEnvelope, payload: Buffer.from(payload).toString('base64') };
    await attachEvidence(store, image, [{ ...item, bundle: { ...item.bundle, dsseEnvelope } }]);
    const believed = await believedEvidence(store, image.digest, { trust, now });
    expect(believed.statements).toEqual([]);
    expect(believed.disbelieved).toMatchObject([{ problem: 'its signature is not that of the key release.pub' }]);
  });
});

it('what stops an image is brought from where it is published, and nothing else', async () => {
  const [there, here] = [createMemoryStore(), createMemoryStore()];
  const image = await putImage(there);
  const said = (kind: PredicateKind, predicate: object, by = key): SignedEvidence => {
    const bytes = statementBytes({ kind, name: 'acme', subject: image.digest, predicate });
    const signature = sign('sha256', preAuthEncoding(statementPayloadType, bytes), by);
    const bundle = bundleOfKey(bytes, signature, keyHint(by));
    return { kind, bundle, createdOn: now, inputs: digestOf(bytes) };
  };
  const record = (action: string): object => ({
    action,
    reason: 'x',
    by: 'a',
    on: '2026-11-01T00:00:00Z',
    releases: [],
  });
  const stranger = createPrivateKey(createKeyPair(undefined).privateKey);
  await attachEvidence(there, image, [
    said('revocation', record('revoked')),
    said('revocation', record('released')),
    said('reproduction', { result: 'FAILED' }),
    said('reproduction', { result: 'PASSED' }),
    said('configuration', { number: 1 }),
    said('revocation', record('quarantined'), stranger),
  ]);
  await putImage(here);
  const listed = await learnStops([there, here], here, [image.digest], { trust, now });
  expect(listed.get(there)?.get(image.digest)).toHaveLength(6);
  const { statements, disbelieved } = await believedEvidence(here, image.digest, { trust, now });
  expect(disbelieved).toEqual([]);
  expect(
    statements.map(({ kind, predicate }) => `${kind} ${predicate['action'] ?? predicate['result']}`).sort(),
  ).toEqual(['reproduction FAILED', 'revocation released', 'revocation revoked']);
});
