import { z } from 'zod';
import { feedKinds } from '../formats/vulnerabilities/feed-kinds.ts';
import { GatesSchema } from '../gates/all-gates.ts';

const Waiver = z
  .strictObject({
    vulnerability: z.string().optional().describe('CVE or other name'),
    line: z
      .string()
      .regex(/^(?:\d+|0\.\d+)$/, 'a release line, like "18" or "0.12"')
      .optional()
      .describe('A release line past its end that is lived with, like "18"'),
    package: z.string().optional().describe('Only in this package; without it, in any'),
    cells: z.string().optional().describe('Only for cells that match, like `24.*-slim`'),
    reason: z.string().min(10).describe('Why it can be lived with'),
    by: z.string().min(1).describe('Who takes responsibility'),
    until: z.iso.date().describe('Last day'),
  })
  .refine(({ vulnerability, line }) => (vulnerability === undefined) !== (line === undefined), {
    message: 'name either a vulnerability or a line',
  });

const CustomGate = z.strictObject({
  module: z
    .string()
    .describe('TypeScript or JavaScript module, relative to the recipe, whose default export is a gate'),
  config: z.record(z.string(), z.unknown()).default({}).describe('Settings of the gate, checked by its own schema'),
});

export const EnvironmentSchema = z.strictObject({
  gates: GatesSchema.prefault({}).describe('Rules and their settings; some are always asked'),
  custom: z.array(CustomGate).default([]).describe('Gates of your own'),
  waivers: z
    .array(Waiver)
    .default([])
    .describe('Vulnerabilities, or lines past their end, that somebody takes responsibility for, until a day'),
  tagSuffix: z
    .string()
    .regex(/^(?:[._-][a-z0-9]+)*$/, 'like -staging')
    .default('')
    .describe(
      'Ending of all tags of this environment; without it, its tags are the plain ones, and it cannot move one from an image that an environment before it in the recipe certified',
    ),
  validDays: z.number().int().min(1).max(3650).default(90).describe('Days that a certificate is valid'),
});
export type EnvironmentConfig = z.infer<typeof EnvironmentSchema>;

export const FeedSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/, 'use lower-case letters, digits and single . _ - between them'),
    kind: z.enum(feedKinds),
    path: z.string().optional().describe('A file, relative to the recipe'),
    url: z.url().optional().describe('Where to fetch it'),
    caFile: z.string().optional().describe('PEM file with the authority of the server'),
  })
  .refine(({ path, url, kind }) => (kind === 'debian-archive') === (path === undefined && url === undefined), {
    message: 'name a path or a url; only debian-archive needs neither, for it asks the mirror of the bases',
  })
  .refine(({ path, url }) => path === undefined || url === undefined, { message: 'name either a path or a url' });
export type FeedConfig = z.infer<typeof FeedSchema>;
