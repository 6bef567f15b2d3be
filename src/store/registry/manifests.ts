import { randomUUID } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, isDigest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { readBody } from '../../core/http.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { manifestMediaTypes, mediaTypes } from '../../formats/oci/media-types.ts';
import { describeManifest } from '../manifest.ts';
import type { StoredManifest } from '../store.ts';
import type { Transport } from './transport.ts';

const maxManifestBytes = 8 << 20;
const accept = manifestMediaTypes.join(', ');

/** GET /v2/NAME/manifests/REFERENCE; the bytes are proven against the digest asked for and the one the registry names. */
export async function getManifest(transport: Transport, reference: string): Promise<StoredManifest | undefined> {
  const response = await transport.send(`manifests/${reference}`, {
    headers: { accept },
    accept: [200, 404],
    follow: true,
  });
  if (response.status === 404) {
    await response.body.dump();
    return undefined;
  }
  const bytes = await readBody(response, maxManifestBytes, response.url);
  const digest = digestOf(bytes);
  const named = response.headers['docker-content-digest'];
  for (const expected of [isDigest(reference) ? reference : undefined, named]) {
    if (expected !== undefined && expected !== digest) {
      throw new Failure('INTEGRITY', `${transport.registry}: the manifest ${reference} is ${digest}, not ${expected}`, {
        hint: 'the registry returned other bytes than asked for; nothing of them was used',
      });
    }
  }
  const mediaType = (response.headers['content-type'] ?? '').split(';')[0]?.trim() || mediaTypes.manifest;
  return { descriptor: describeManifest(bytes, mediaType), bytes };
}

/** HEAD /v2/NAME/manifests/REFERENCE */
export async function headManifest(transport: Transport, reference: string): Promise<Descriptor | undefined> {
  const response = await transport.send(`manifests/${reference}`, {
    method: 'HEAD',
    headers: { accept },
    accept: [200, 404, 403, 405],
  });
  await response.body.dump();
  if (response.status === 404) return undefined;
  const digest = response.headers['docker-content-digest'];
  const size = Number(response.headers['content-length']);
  // Some registries forbid HEAD, or leave the digest out: then the manifest itself tells.
  if (response.status !== 200 || digest === undefined || !isDigest(digest) || Number.isNaN(size))
    return (await getManifest(transport, reference))?.descriptor;
  return {
    mediaType: (response.headers['content-type'] ?? mediaTypes.manifest).split(';')[0] ?? mediaTypes.manifest,
    digest,
    size,
  };
}

/** PUT /v2/NAME/manifests/REFERENCE; answers whether the registry indexed the subject. */
export async function putManifest(
  transport: Transport,
  reference: string,
  { bytes, mediaType }: { readonly bytes: Buffer; readonly mediaType: string },
): Promise<{ readonly subjectIndexed: boolean }> {
  const response = await transport.send(`manifests/${reference}`, {
    method: 'PUT',
    push: true,
    accept: [201],
    headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
    body: () => bytes,
  });
  await response.body.dump();
  return { subjectIndexed: response.headers['oci-subject'] !== undefined };
}

/**
 * DELETE /v2/NAME/manifests/TAG. Where only digests can be deleted, the tag is first given a manifest that nobody else
 * has, and that one is deleted: the real manifest may have other tags.
 * @returns false when the registry does not allow deletion
 */
export async function deleteTag(transport: Transport, tag: string): Promise<boolean> {
  await deleteReference(transport, tag);
  if ((await headManifest(transport, tag)) === undefined) return true;
  const bytes = Buffer.from(
    canonicalJson({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [],
      annotations: { 'io.nodeworthy.deleted': `${tag} ${randomUUID()}` },
    }),
  );
  await putManifest(transport, tag, { bytes, mediaType: mediaTypes.index });
  await deleteReference(transport, digestOf(bytes));
  return (await headManifest(transport, tag)) === undefined;
}

async function deleteReference(transport: Transport, reference: string): Promise<void> {
  const response = await transport.send(`manifests/${reference}`, {
    method: 'DELETE',
    push: true,
    accept: [200, 202, 204, 400, 404, 405],
  });
  await response.body.dump();
}
