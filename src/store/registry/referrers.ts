import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { readBody } from '../../core/http.ts';
import { readJson } from '../../core/json.ts';
import { IndexSchema, type Descriptor, type ImageIndex } from '../../formats/oci/descriptor.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { getManifest, putManifest } from './manifests.ts';
import { nextLink } from './tags.ts';
import type { Transport } from './transport.ts';

/** GET /v2/NAME/referrers/DIGEST, or the fallback tag where the registry has no such endpoint. */
export async function listReferrers(
  transport: Transport,
  subject: Digest,
  artifactType?: string,
): Promise<Descriptor[]> {
  const found = (await askApi(transport, subject, artifactType)) ?? (await readFallback(transport, subject)).manifests;
  return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType);
}

/** Registries that were asked and have no such endpoint. */
const withoutApi = new WeakSet<Transport>();

async function askApi(
  transport: Transport,
  subject: Digest,
  artifactType: string | undefined,
): Promise<Descriptor[] | undefined> {
  if (withoutApi.has(transport)) return undefined;
  const found: Descriptor[] = [];
  let path = `referrers/${subject}${artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`}`;
  for (let page = 0; page < 100; page++) {
    const response = await transport.send(path, {
      accept: [200, 400, 404, 405, 406],
      headers: { accept: mediaTypes.index },
    });
    const body = await readBody(response, 8 << 20, response.url);
    const isIndex = (response.headers['content-type'] ?? '').startsWith(mediaTypes.index);
    if (response.status !== 200 || !isIndex) {
      // A registry that has it never says 404 about a digest (distribution spec, "Listing Referrers"), but may about
      // a repository that is not there yet: that is an error document, and no unknown address.
      if (response.status === 404 && !body.includes('"errors"')) withoutApi.add(transport);
      return undefined;
    }
    found.push(...parseList(body, transport).manifests);
    const next = nextLink(response.headers['link']);
    if (next === undefined) return found;
    path = new URL(next, response.url).href;
  }
  // A part of the list could be the part without a revocation.
  throw new Failure(
    'REGISTRY_INVALID',
    `${transport.registry} lists more than ${found.length} referrers of ${subject}`,
    {
      hint: 'somebody has filled the list: take away what does not belong there',
    },
  );
}

/** How long after a write another writer, who read before it, may still overwrite it. */
const settleMs = 60;

/**
 * Adds referrers to the fallback tag (distribution spec, "Referrers tag schema"). Another writer may overwrite the
 * tag between our read and our write: it is read back, once more after a while, and written again until all entries
 * are there.
 */
export async function addToFallback(
  transport: Transport,
  subject: Digest,
  entries: readonly Descriptor[],
): Promise<void> {
  for (let attempt = 0; attempt < 12; attempt++) {
    const index = await readFallback(transport, subject);
    const known = new Set(index.manifests.map(({ digest }) => digest));
    const missing = entries.filter(({ digest }) => !known.has(digest));
    if (missing.length === 0) {
      if (attempt === 0) return;
      await sleep(settleMs * (1 + Math.random()));
      const after = new Set((await readFallback(transport, subject)).manifests.map(({ digest }) => digest));
      if (entries.every(({ digest }) => after.has(digest))) return;
      continue;
    }
    const manifests = [...index.manifests, ...missing].sort((a, b) => compareText(a.digest, b.digest));
    const bytes = Buffer.from(canonicalJson({ ...index, schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
    await putManifest(transport, fallbackTag(subject), { bytes, mediaType: mediaTypes.index });
  }
  throw new Failure(
    'REGISTRY_UNREACHABLE',
    `${transport.registry}: others keep overwriting the referrers of ${subject}`,
    { hint: 'run again when they are done' },
  );
}

async function readFallback(transport: Transport, subject: Digest): Promise<ImageIndex> {
  const stored = await getManifest(transport, fallbackTag(subject));
  return stored ? parseList(stored.bytes, transport) : { schemaVersion: 2, manifests: [] };
}

/** @throws Failure REGISTRY_INVALID for what is no list: a part of it is not taken for all of it */
function parseList(bytes: Buffer, { registry }: Transport): ImageIndex {
  const name = `${registry}: the list of referrers`;
  const parsed = IndexSchema.safeParse(readJson(bytes.toString('utf8'), { name, code: 'REGISTRY_INVALID' }));
  if (parsed.success) return parsed.data;
  throw new Failure('REGISTRY_INVALID', `${name} is no image index`, {
    hint: 'look at the registry with another tool: without the list nobody knows what is said of the image',
    details: { issues: parsed.error.issues },
  });
}

function fallbackTag(subject: Digest): string {
  return subject.replace(':', '-');
}
