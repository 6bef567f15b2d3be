import { canonicalJson } from '../../core/canonical-json.ts';
import { emptyConfigBytes, emptyConfigDigest, type Descriptor } from './descriptor.ts';
import { mediaTypes } from './media-types.ts';

export interface ArtifactManifest {
  readonly artifactType: string;
  readonly layers: readonly Descriptor[];
  /** What it is about; a digest with its size, and nothing else of the descriptor. */
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An artifact that is no image: the empty configuration, and the type beside it (image spec, "Guidelines for Artifact Usage"). */
export function artifactManifestBytes({ artifactType, layers, subject, annotations }: ArtifactManifest): Buffer {
  return Buffer.from(
    canonicalJson({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType,
      config: { mediaType: mediaTypes.empty, digest: emptyConfigDigest, size: emptyConfigBytes.length },
      layers,
      ...(subject ? { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } } : {}),
      ...(annotations ? { annotations } : {}),
    }),
  );
}
