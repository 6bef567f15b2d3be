import { z } from 'zod';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { compressions, type CompressionName } from '../../formats/layer-compression.ts';
import { emptyConfigBytes, emptyConfigDigest, ManifestSchema, type Descriptor } from '../../formats/oci/descriptor.ts';
import { artifactTypes, mediaTypes } from '../../formats/oci/media-types.ts';
import { describeInput } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
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
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: artifactTypes.inputs,
    config: { mediaType: mediaTypes.empty, digest: emptyConfigDigest, size: emptyConfigBytes.length },
    layers: [
      { mediaType: recordType, digest: digestOf(record), size: record.length },
      ...inputs.map((input) => ({
        mediaType: 'application/octet-stream',
        digest: input.digest,
        size: input.size,
        annotations: { 'org.opencontainers.image.title': describeInput(input) },
      })),
    ],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
  };
  return await store.putManifest(Buffer.from(canonicalJson(manifest)), mediaTypes.manifest);
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

/** @throws Failure NOT_FOUND when the image was published without its inputs; STORE_DAMAGED for another record */
export async function findArchive(store: Store, index: Digest): Promise<FoundArchive> {
  for (const entry of await store.listReferrers(index, artifactTypes.inputs)) {
    const stored = await store.getManifest(entry.digest);
    const manifest = stored && ManifestSchema.safeParse(JSON.parse(stored.bytes.toString('utf8'))).data;
    const [record, ...inputs] = manifest?.layers ?? [];
    if (!record || manifest?.subject?.digest !== index || record.mediaType !== recordType) continue;
    const parsed = RecordSchema.safeParse(parseTreeJson((await readBlob(store, record, 64 << 20)).toString('utf8')));
    if (!parsed.success)
      throw new Failure('STORE_DAMAGED', `${store.location}: the inputs of ${index} have no record that can be read`, {
        hint: 'it was written by another version of Nodeworthy: use that one',
      });
    return { ...parsed.data, inputs };
  }
  throw new Failure('NOT_FOUND', `${store.location} has no inputs of ${index}`, {
    hint: 'an image of a Dockerfile has none; others get them when they are published with `nodeworthy run`',
  });
}
