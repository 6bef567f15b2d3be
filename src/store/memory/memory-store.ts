import { isDigest, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { DescriptorSchema, type Descriptor } from '../../formats/oci/descriptor.ts';
import { describeManifest } from '../manifest.ts';
import { verified } from '../read-blob.ts';
import type { BlobSource, Store, StoredManifest, TagMove } from '../store.ts';

/** Everything in maps: for tests, and for a source of truth that must leave no file. */
export function createMemoryStore(location = 'memory'): Store {
  const blobs = new Map<Digest, Buffer>();
  const manifests = new Map<Digest, StoredManifest>();
  const tags = new Map<string, Digest>();
  function find(reference: string): StoredManifest | undefined {
    const digest = isDigest(reference) ? reference : tags.get(reference);
    return digest === undefined ? undefined : manifests.get(digest);
  }
  return {
    location,
    hasBlob: async (digest) => blobs.has(digest),
    async *openBlob({ digest }) {
      const bytes = blobs.get(digest);
      if (!bytes) throw new Failure('NOT_FOUND', `${location}: no blob ${digest}`);
      yield bytes;
    },
    async putBlob(source: BlobSource) {
      if (blobs.has(source.digest)) return 'present';
      const chunks: Buffer[] = [];
      for await (const chunk of verified(source.open(), { digest: source.digest, size: source.size, from: 'source' }))
        chunks.push(chunk);
      blobs.set(source.digest, Buffer.concat(chunks));
      return 'stored';
    },
    getManifest: async (reference) => find(reference),
    async putManifest(bytes, mediaType) {
      const descriptor = describeManifest(bytes, mediaType);
      manifests.set(descriptor.digest, { descriptor, bytes });
      return descriptor;
    },
    resolveTag: async (tag) => find(tag)?.descriptor,
    listTags: async () => [...tags.keys()].sort(),
    async moveTags(moves: readonly TagMove[]) {
      for (const move of moves) {
        if (!manifests.has(move.to.digest))
          throw new Failure('NOT_FOUND', `${location}: no manifest ${move.to.digest} for ${move.tag}`);
        tags.set(move.tag, move.to.digest);
      }
    },
    async removeTags(names) {
      for (const name of names) tags.delete(name);
    },
    async listReferrers(subject, artifactType) {
      const found: Descriptor[] = [];
      for (const { descriptor, bytes } of manifests.values()) {
        const parsed = JSON.parse(bytes.toString('utf8')) as {
          subject?: unknown;
          artifactType?: string;
          annotations?: Record<string, string>;
        };
        const target = DescriptorSchema.safeParse(parsed.subject);
        if (!target.success || target.data.digest !== subject) continue;
        if (artifactType !== undefined && parsed.artifactType !== artifactType) continue;
        found.push({ ...descriptor, artifactType: parsed.artifactType, annotations: parsed.annotations });
      }
      return found;
    },
  };
}
