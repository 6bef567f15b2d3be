import { z } from 'zod';
import { compareText } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { compressions, type CompressionName } from '../../formats/layer-compression.ts';
import { artifactManifestBytes } from '../../formats/oci/artifact-manifest.ts';
import { emptyConfigBytes, type Descriptor } from '../../formats/oci/descriptor.ts';
import { artifactTypes, mediaTypes } from '../../formats/oci/media-types.ts';
import { describeInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { parseManifest } from '../../store/manifest.ts';
import { blobOfBytes, readBlob } from '../../store/read-blob.ts';
import type { Store } from '../../store/store.ts';
import { parseTreeJson, treeJson } from '../../trees/tar-node.ts';
import type { ImageSettings } from '../plan/image-settings.ts';
import { inputsOfCell, LockSchema, type Lock, type LockedCell } from '../resolve/lock.ts';

/** Everything that assembly needs: with it and the inputs, nobody has to be asked. */
export interface CellArchive {
  readonly lock: Lock;
  readonly cell: LockedCell;
  readonly compression: CompressionName;
  readonly settings: ImageSettings;
}

const recordType = 'application/vnd.nodeworthy.assembly.v1+json';

/**
 * Makes the inputs of a cell an artifact on its index: the record of what assembly was asked for, and every input as
 * a layer. Wherever the image goes, what it was made from can go along.
 */
export async function archiveCell(store: LayoutStore, subject: Descriptor, archive: CellArchive): Promise<Descriptor> {
  const { lock, cell } = archive;
  const inputs = inputsOfCell(lock, cell.id).sort((a, b) => compareText(a.digest, b.digest));
  const systems = new Set(cell.platforms.map(({ system }) => system));
  const own: Lock = {
    ...lock,
    inputs,
    systems: lock.systems.filter(({ id }) => systems.has(id)),
    cells: [cell],
    unresolved: [],
  };
  const record = Buffer.from(treeJson({ ...archive, lock: own }));
  await store.putBlob(blobOfBytes(record));
  await store.putBlob(blobOfBytes(emptyConfigBytes));
  const manifest = artifactManifestBytes({
    artifactType: artifactTypes.inputs,
    layers: [
      { mediaType: recordType, digest: digestOf(record), size: record.length },
      ...inputs.map((input) => ({
        mediaType: 'application/octet-stream',
        digest: input.digest,
        size: input.size,
        annotations: { 'org.opencontainers.image.title': describeInput(input) },
      })),
    ],
    subject,
  });
  return await store.putManifest(manifest, mediaTypes.manifest);
}

const RecordSchema = z.looseObject({
  lock: LockSchema,
  cell: LockSchema.shape.cells.element,
  compression: z.enum(Object.keys(compressions) as [CompressionName, ...CompressionName[]]),
  settings: z.custom<ImageSettings>((value) => typeof value === 'object' && value !== null),
});

export interface FoundArchive extends CellArchive {
  /** Every input. */
  readonly inputs: readonly Descriptor[];
}

/** What a believed provenance says of an image: nothing else may be built, let alone run. */
export interface ProvenMaterials {
  readonly configuration: string;
  readonly inputs: readonly Digest[];
}

/**
 * The inputs of an image, as somebody attached them: they are nobody's word, and count only when they are those that
 * its provenance names. There may be several; one that fits is enough.
 * @throws Failure NOT_FOUND when there is none that fits
 */
export async function findArchive(store: Store, index: Digest, proven: ProvenMaterials): Promise<FoundArchive> {
  const known = new Set(proven.inputs);
  for (const entry of await store.listReferrers(index, artifactTypes.inputs)) {
    const stored = await store.getManifest(entry.digest);
    const manifest = stored && parseManifest(stored.bytes);
    const [record, ...inputs] = manifest?.layers ?? [];
    if (!record || manifest?.subject?.digest !== index || record.mediaType !== recordType) continue;
    const parsed = parseRecord(await readBlob(store, record, 64 << 20));
    if (!parsed || parsed.cell.configuration !== proven.configuration) continue;
    const named = parsed.lock.inputs.map(({ digest }) => digest);
    const isProven = [...named, ...inputs.map(({ digest }) => digest)].every((digest) => known.has(digest));
    if (isProven) return { ...parsed, inputs };
  }
  throw new Failure('NOT_FOUND', `${store.location} has no inputs of ${index} that its provenance names`, {
    hint: 'an image of a Dockerfile has none; others get them with `nodeworthy run`, by the same version of it',
  });
}

function parseRecord(bytes: Buffer): CellArchive | undefined {
  try {
    return RecordSchema.safeParse(parseTreeJson(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
