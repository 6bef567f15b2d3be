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

export const InputSchema = z.discriminatedUnion('kind', [NodeInputSchema, DebInputSchema]);

export type NodeInput = z.infer<typeof NodeInputSchema>;
export type DebInput = z.infer<typeof DebInputSchema>;
/** Exact bytes with a name: what the lock pins and the store keeps for ever. */
export type Input = z.infer<typeof InputSchema>;

export function describeInput(input: Input): string {
  return input.kind === 'node'
    ? `Node.js ${input.version} for ${input.platform}`
    : `${input.name} ${input.version} (${input.architecture})`;
}
