import { z } from 'zod';
import { digestOf } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { messageOf, parseJson } from '../core/json.ts';
import { mediaTypes } from '../formats/oci/media-types.ts';
import {
  ImageConfigSchema,
  IndexSchema,
  ManifestSchema,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
} from '../formats/oci/descriptor.ts';
import { readBlob } from './read-blob.ts';
import type { Store, StoredManifest } from './store.ts';

const Annotated = z.looseObject({ annotations: z.record(z.string(), z.string()).optional() });

export function describeManifest(bytes: Buffer, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** A manifest that anybody may have attached: undefined for what is none. */
export function parseManifest(bytes: Buffer): ImageManifest | undefined {
  try {
    return ManifestSchema.safeParse(parseJson(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** What a manifest or index says of itself, whoever made it; nothing where it says nothing that can be read. */
export function annotationsOf(bytes: Buffer): Readonly<Record<string, string | undefined>> {
  try {
    return Annotated.safeParse(parseJson(bytes.toString('utf8'))).data?.annotations ?? {};
  } catch {
    return {};
  }
}

/** @throws Failure NOT_FOUND, or STORE_DAMAGED when the bytes are no such document. */
export async function readIndex(store: Store, reference: string): Promise<ImageIndex> {
  return parse(await require(store, reference), IndexSchema, store);
}

export async function readManifest(store: Store, reference: string): Promise<ImageManifest> {
  return parse(await require(store, reference), ManifestSchema, store);
}

export async function readImageConfig(store: Store, manifest: ImageManifest): Promise<ImageConfig> {
  const bytes = await readBlob(store, manifest.config);
  return parse({ bytes, descriptor: manifest.config }, ImageConfigSchema, store);
}

async function require(store: Store, reference: string): Promise<StoredManifest> {
  const found = await store.getManifest(reference);
  if (found) return found;
  throw new Failure('NOT_FOUND', `${store.location} has no manifest ${reference}`, {
    hint: 'build it first, or check the reference',
  });
}

function parse<T>(stored: StoredManifest, schema: z.ZodType<T>, store: Store): T {
  const { digest, mediaType } = stored.descriptor;
  if (mediaType === mediaTypes.dockerSchema1) {
    throw new Failure(
      'REGISTRY_INVALID',
      `${store.location}: ${digest} is a Docker schema 1 image, a format without digests`,
      {
        hint: 'push it again with a current client',
      },
    );
  }
  let value: unknown;
  try {
    value = parseJson(stored.bytes.toString('utf8'));
  } catch (error) {
    throw new Failure(
      'STORE_DAMAGED',
      `${store.location}: ${digest} is not JSON as it should be: ${messageOf(error)}`,
      {
        hint: 'whoever made it has to make it again',
        cause: error,
      },
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Failure('STORE_DAMAGED', `${store.location}: ${digest} is not a ${mediaType}`, {
    details: { issues: parsed.error.issues },
  });
}
