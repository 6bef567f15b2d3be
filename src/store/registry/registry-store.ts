import type { Digest } from '../../core/digest.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { Failure } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { createHttpClient } from '../../core/http.ts';
import type { RetryPolicy } from '../../core/retry.ts';
import { readJson } from '../../core/json.ts';
import { isLoopback, parseRepository } from '../../formats/oci/reference.ts';
import { ManifestSchema, type Descriptor } from '../../formats/oci/descriptor.ts';
import { describeManifest } from '../manifest.ts';
import type { BlobSource, Store } from '../store.ts';
import { getBlob, headBlob, mountBlob, uploadBlob } from './blobs.ts';
import { findCredentials } from './credentials.ts';
import { deleteTag, getManifest, headManifest, putManifest } from './manifests.ts';
import { addToFallback, listReferrers } from './referrers.ts';
import { listTags } from './tags.ts';
import { createTokenSource } from './token-source.ts';
import { createTransport } from './transport.ts';

export interface RegistryOptions {
  /** `HOST[:PORT]/NAME` */
  readonly repository: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Allow http to a host that is not this machine. */
  readonly plainHttp?: boolean;
  readonly caFile?: string;
  readonly retry?: RetryPolicy;
  readonly chunkBytes?: number;
  /** Another repository of the same registry that may have the blobs already. */
  readonly mountFrom?: string;
}

/** A registry's repository as a store (OCI distribution spec 1.1). */
export interface RegistryStore extends Store {
  close(): Promise<void>;
}

export function openRegistryStore(options: RegistryOptions): RegistryStore {
  const { registry, repository } = parseRepository(options.repository);
  const plainHttp = options.plainHttp ?? isLoopback(registry);
  const http = createHttpClient({ caFile: options.caFile });
  const { signal } = options;
  let credentials: ReturnType<typeof findCredentials> | undefined;
  const tokens = createTokenSource({
    http,
    registry,
    plainHttp,
    signal,
    now: () => performance.now(),
    credentials: () => (credentials ??= findCredentials(registry, repository, options.env)),
  });
  const transport = createTransport({
    http,
    registry,
    repository,
    plainHttp,
    tokens,
    signal,
    report: options.report,
    retry: options.retry,
  });
  const known = new Set<Digest>();
  const uploads = new Map<Digest, Promise<'stored' | 'present'>>();
  const referrers = new Map<Digest, { readonly waiting: Descriptor[]; writing: Promise<void> }>();

  return {
    location: options.repository,
    async hasBlob(digest, size) {
      if (known.has(digest)) return true;
      const found = await headBlob(transport, digest);
      const fits = found !== undefined && (size === undefined || found.size === undefined || found.size === size);
      if (fits) known.add(digest);
      return fits;
    },
    openBlob: ({ digest, size }) => getBlob(transport, digest, size),
    async putBlob(source) {
      // Two images that share a layer go up at the same time: one of them sends it, the other waits.
      const flight = uploads.get(source.digest);
      if (flight) {
        await flight;
        return 'present';
      }
      const upload = sendBlob(source);
      uploads.set(source.digest, upload);
      try {
        return await upload;
      } finally {
        uploads.delete(source.digest);
      }
    },
    getManifest: (reference) => getManifest(transport, reference),
    async putManifest(bytes, mediaType) {
      const descriptor = describeManifest(bytes, mediaType);
      const subject = subjectOf(bytes);
      if (await headManifest(transport, descriptor.digest)) {
        if (subject === undefined) return descriptor;
        // It may be there without being listed: whoever put it was killed in between, or another writer was faster.
        const listed = await listReferrers(transport, subject);
        if (listed.some(({ digest }) => digest === descriptor.digest)) return descriptor;
      }
      const { subjectIndexed } = await putManifest(transport, descriptor.digest, { bytes, mediaType });
      const stored = await getManifest(transport, descriptor.digest);
      if (!stored)
        throw new Failure(
          'REGISTRY_INVALID',
          `${registry} took the manifest ${descriptor.digest} and does not have it`,
          { hint: 'look at the registry’s storage' },
        );
      await indexSubject(bytes, descriptor, subjectIndexed);
      return descriptor;
    },
    resolveTag: (tag) => headManifest(transport, tag),
    listTags: () => listTags(transport),
    async moveTags(moves) {
      // One after the other: whoever is interrupted has moved the most specific tags.
      await mapConcurrent(moves, 1, async ({ tag, to }) => {
        const stored = await getManifest(transport, to.digest);
        if (!stored)
          throw new Failure('NOT_FOUND', `${options.repository} has no manifest ${to.digest} for the tag ${tag}`);
        await putManifest(transport, tag, { bytes: stored.bytes, mediaType: stored.descriptor.mediaType });
        const now = await headManifest(transport, tag);
        if (now?.digest !== to.digest) {
          throw new Failure(
            'REGISTRY_INVALID',
            `${options.repository}:${tag} is ${now?.digest ?? 'missing'} after it was set to ${to.digest}`,
            { hint: 'somebody else writes to the tag, or the registry is broken' },
          );
        }
      });
    },
    async removeTags(tags) {
      for (const tag of tags) {
        if (await deleteTag(transport, tag)) continue;
        throw new Failure(
          'REGISTRY_INVALID',
          `${options.repository}:${tag} cannot be deleted: the registry does not allow it`,
          { hint: 'allow deletion in the registry, or delete the tag by hand' },
        );
      }
    },
    listReferrers: (subject, artifactType) => listReferrers(transport, subject, artifactType),
    close: () => http.close(),
  };

  async function sendBlob(source: BlobSource): Promise<'stored' | 'present'> {
    if (known.has(source.digest) || (await headBlob(transport, source.digest))) {
      known.add(source.digest);
      return 'present';
    }
    if (options.mountFrom && (await mountBlob(transport, source.digest, options.mountFrom))) {
      known.add(source.digest);
      return 'present';
    }
    options.report({ kind: 'upload', name: `${registry} ${source.digest}`, sizeBytes: source.size });
    await uploadBlob(transport, source, { chunkBytes: options.chunkBytes });
    // Read your write: a registry that lost the blob must not be told of a manifest that names it.
    const stored = await headBlob(transport, source.digest);
    if (!stored || (stored.size !== undefined && stored.size !== source.size)) {
      throw new Failure('REGISTRY_INVALID', `${registry} took ${source.digest} and does not have it`, {
        hint: 'look at the registry’s storage',
      });
    }
    known.add(source.digest);
    return 'stored';
  }

  async function indexSubject(bytes: Buffer, descriptor: Descriptor, subjectIndexed: boolean): Promise<void> {
    const parsed = ManifestSchema.safeParse(readJson(bytes.toString('utf8'), { name: 'the manifest' }));
    const subject = parsed.data?.subject;
    if (!subject || subjectIndexed) return;
    const entry: Descriptor = {
      ...descriptor,
      artifactType: parsed.data?.artifactType,
      annotations: parsed.data?.annotations,
    };
    await noteReferrer(subject.digest, entry);
  }

  /** Within this process there is one writer per subject, and it takes along what came while it was busy. */
  async function noteReferrer(subject: Digest, entry: Descriptor): Promise<void> {
    const queue = referrers.get(subject) ?? { waiting: [], writing: Promise.resolve() };
    referrers.set(subject, queue);
    queue.waiting.push(entry);
    const own = queue.writing.then(async () => {
      const batch = queue.waiting.splice(0);
      if (batch.length === 0) return;
      await addToFallback(transport, subject, batch).catch((error: unknown) => {
        // Nobody may take what was not written for written.
        queue.waiting.unshift(...batch);
        throw error;
      });
    });
    queue.writing = own.catch(() => {});
    await own;
  }
}

function subjectOf(bytes: Buffer): Digest | undefined {
  const parsed = ManifestSchema.safeParse(readJson(bytes.toString('utf8'), { name: 'the manifest' }));
  return parsed.data?.subject?.digest;
}
