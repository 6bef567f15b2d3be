import { z } from 'zod';
import { DigestSchema } from '../formats/oci/descriptor.ts';

const common = {
  digest: DigestSchema,
  size: z.number().int().positive(),
  name: z.string(),
  version: z.string(),
};

/** A Node.js distribution for one platform. */
export const NodeInputSchema = z.strictObject({
  kind: z.literal('node'),
  ...common,
  platform: z.string(),
  /** C library that the binary is made for. */
  libc: z.enum(['glibc', 'musl']),
  origin: z.discriminatedUnion('source', [
    z.strictObject({
      source: z.literal('npm'),
      package: z.string(),
      /** `sha512-…`, as the registry's packument promised. */
      integrity: z.string(),
      /** Key id of a registry signature that was checked, or why there is none. */
      signature: z.string(),
    }),
    z.strictObject({
      source: z.literal('nodejs-dist'),
      file: z.string(),
      /** Primary keys whose signature over the checksums was checked. */
      signedBy: z.array(z.string()),
    }),
  ]),
  /** Seconds since 1970; when the release was made. */
  time: z.number().int().nonnegative(),
});

/** An image of somebody else that is the operating system of ours; the digest is the platform's manifest. */
export const ImageInputSchema = z.strictObject({
  kind: z.literal('image'),
  ...common,
  platform: z.string(),
  /** What the reference meant when the lock was made: an image index, or the manifest itself. */
  origin: z.strictObject({
    source: z.literal('image'),
    index: DigestSchema,
    /** Digest of the whole reference in the recipe: a lock names no host. */
    reference: DigestSchema,
  }),
  time: z.number().int().nonnegative(),
});

/** A Debian binary package. */
export const DebInputSchema = z.strictObject({
  kind: z.literal('deb'),
  ...common,
  architecture: z.string(),
  sourceName: z.string(),
  sourceVersion: z.string(),
  origin: z.strictObject({
    source: z.literal('debian'),
    archive: z.enum(['main', 'security']),
    suite: z.string(),
    /** Path below the archive's address. */
    file: z.string(),
  }),
});

/** A tool of the Node.js distribution that its tarball lacks: npm, corepack. */
export const ToolInputSchema = z.strictObject({
  kind: z.literal('tool'),
  ...common,
  origin: z.strictObject({
    source: z.literal('npm'),
    integrity: z.string(),
    signature: z.string(),
  }),
  /** Seconds since 1970; when it was published. */
  time: z.number().int().nonnegative(),
});

export const InputSchema = z.discriminatedUnion('kind', [
  NodeInputSchema,
  DebInputSchema,
  ToolInputSchema,
  ImageInputSchema,
]);

export type NodeInput = z.infer<typeof NodeInputSchema>;
export type DebInput = z.infer<typeof DebInputSchema>;
export type ToolInput = z.infer<typeof ToolInputSchema>;
export type ImageInput = z.infer<typeof ImageInputSchema>;
export type Libc = NodeInput['libc'];
/** Exact bytes with a name: what the lock pins and the store keeps for ever. */
export type Input = z.infer<typeof InputSchema>;

export function describeInput(input: Input): string {
  switch (input.kind) {
    case 'node':
      return `Node.js ${input.version} for ${input.platform}${input.libc === 'musl' ? ' (musl)' : ''}`;
    case 'deb':
      return `${input.name} ${input.version} (${input.architecture})`;
    case 'tool':
      return `${input.name} ${input.version}`;
    case 'image':
      return `image of the base ${input.name} for ${input.platform}`;
  }
}
