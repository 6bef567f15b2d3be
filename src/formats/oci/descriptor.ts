import { z } from 'zod';
import type { Digest } from '../../core/digest.ts';

const Annotations = z.record(z.string(), z.string());

export const DigestSchema = z.custom<Digest>(
  (value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value),
  {
    message: 'not a sha256 digest',
  },
);

export const PlatformSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
});

export const DescriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: DigestSchema,
  size: z.number().int().nonnegative(),
  platform: PlatformSchema.optional(),
  annotations: Annotations.optional(),
  artifactType: z.string().optional(),
});

export const IndexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(DescriptorSchema),
  subject: DescriptorSchema.optional(),
  annotations: Annotations.optional(),
});

export const ManifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: DescriptorSchema,
  layers: z.array(DescriptorSchema),
  subject: DescriptorSchema.optional(),
  annotations: Annotations.optional(),
});

export const ImageConfigSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  created: z.string().optional(),
  config: z
    .looseObject({
      User: z.string().optional(),
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().optional(),
      Labels: Annotations.nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      StopSignal: z.string().optional(),
    })
    .optional(),
  rootfs: z.looseObject({ type: z.string(), diff_ids: z.array(DigestSchema) }),
  history: z
    .array(z.looseObject({ created_by: z.string().optional(), empty_layer: z.boolean().optional() }))
    .optional(),
});

export type Descriptor = z.infer<typeof DescriptorSchema>;
export type ImageIndex = z.infer<typeof IndexSchema>;
export type ImageManifest = z.infer<typeof ManifestSchema>;
export type ImageConfig = z.infer<typeof ImageConfigSchema>;

/** The empty JSON object, config of artifacts (image spec, "Guidance for an Empty Descriptor"). */
export const emptyConfigBytes: Buffer = Buffer.from('{}');
export const emptyConfigDigest: Digest = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
