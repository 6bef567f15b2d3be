import { canonicalJson } from '../../core/canonical-json.ts';
import type { Digest } from '../../core/digest.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import type { ImageConfiguration } from '../plan/image-settings.ts';

export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** What it is, for the history. */
  readonly title: string;
}

export interface ImageFacts {
  readonly name: string;
  readonly cell: string;
  readonly release: string;
  readonly base: string;
  readonly variant: string;
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly configuration: ImageConfiguration;
}

/** Which image it is. */
export function identityLabels(
  facts: Pick<ImageFacts, 'cell' | 'release' | 'base' | 'variant'>,
): Record<string, string> {
  return {
    'io.nodeworthy.base': facts.base,
    'io.nodeworthy.cell': facts.cell,
    'io.nodeworthy.variant': facts.variant,
    'org.opencontainers.image.version': facts.release,
  };
}

function imageLabels(facts: Omit<ImageFacts, 'architecture'>): Record<string, string> {
  return {
    'org.opencontainers.image.created': isoTime(facts.created),
    'org.opencontainers.image.description': `Node.js ${facts.release} on ${facts.base}, variant ${facts.variant}`,
    'org.opencontainers.image.title': facts.name,
    ...facts.configuration.labels,
    // Whatever an overlay says, it stays the image that it is.
    ...identityLabels(facts),
  };
}

/** OCI image config: everything stated, nothing of this machine or of this moment in it. */
export function imageConfigBytes(facts: ImageFacts, layers: readonly ImageLayer[]): Buffer {
  const { configuration } = facts;
  return Buffer.from(
    canonicalJson({
      architecture: facts.architecture,
      config: {
        Cmd: configuration.command,
        Entrypoint: configuration.entrypoint,
        Env: configuration.environment,
        Labels: imageLabels(facts),
        StopSignal: configuration.stopSignal,
        User: configuration.user,
        WorkingDir: configuration.workingDirectory,
      },
      created: isoTime(facts.created),
      history: layers.map((layer) => ({ created: isoTime(facts.created), created_by: layer.title })),
      os: 'linux',
      rootfs: { diff_ids: layers.map((layer) => layer.diffId), type: 'layers' },
    }),
  );
}

export function imageManifestBytes(facts: ImageFacts, config: Descriptor, layers: readonly ImageLayer[]): Buffer {
  return Buffer.from(
    canonicalJson({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config,
      layers: layers.map((layer) => layer.descriptor),
      annotations: imageLabels(facts),
    }),
  );
}

export function imageIndexBytes(facts: Omit<ImageFacts, 'architecture'>, manifests: readonly Descriptor[]): Buffer {
  return Buffer.from(
    canonicalJson({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests,
      annotations: imageLabels(facts),
    }),
  );
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
