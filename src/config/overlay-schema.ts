import { z } from 'zod';

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _');
const absolutePath = z
  .string()
  .regex(/^\/(?!.*(?:^|\/)\.\.(?:\/|$)).+[^/]$/, 'an absolute path without .. and without a slash at its end');
const numericUser = z.string().regex(/^\d+:\d+$/, 'numbers, like 1000:1000');

/** What a client or an environment wants differently; applied to the cells it names, in the order of the recipe. */
/** What tells an image from others: its cell, and what it is of. */
function isOwnLabel(name: string): boolean {
  return name.startsWith('io.nodeworthy.') || name === 'org.opencontainers.image.version';
}

export const OverlaySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/, 'use lower-case letters, digits and single . _ - between them'),
  cells: z.string().optional().describe('Cells it is for, as a pattern like `24.*-slim`; without it, all'),
  environment: z.record(variableName, z.string()).default({}).describe('Environment variables of the image'),
  nodeOptions: z
    .array(z.string().regex(/^--[a-z]/, 'starts with --'))
    .default([])
    .describe('Flags added to NODE_OPTIONS'),
  npm: z
    .record(
      z.string().regex(/^[a-z@/][A-Za-z0-9@/:._-]*$/, 'a setting of npm, like registry'),
      z.union([z.string(), z.boolean(), z.number()]),
    )
    .default({})
    .describe('Settings in the image’s global npmrc, like registry, strict-ssl, ignore-scripts'),
  certificates: z
    .array(z.string())
    .default([])
    .describe('PEM files with certificate authorities; relative to the recipe'),
  timeZone: z
    .string()
    .regex(/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/, 'a zone, like Europe/Berlin')
    .optional()
    .describe('Time zone of the image'),
  locale: z
    .string()
    .regex(/^[A-Za-z]{1,8}(?:_[A-Za-z]{2})?(?:\.[A-Za-z0-9-]+)?$/, 'a locale, like C.UTF-8 or de_DE.UTF-8')
    .optional()
    .describe('LANG of the image; Node.js has its own locales, native programs have C.UTF-8'),
  files: z
    .array(
      z.strictObject({
        from: z.string().describe('File to copy; relative to the recipe'),
        to: absolutePath.describe('Its place in the image'),
        mode: z
          .string()
          .regex(/^0?[0-7]{3}$/, 'octal permissions, like 0644')
          .default('0644'),
        owner: numericUser.default('0:0'),
      }),
    )
    .default([])
    .describe('Files added to the image'),
  user: numericUser.optional().describe('User the image runs as'),
  users: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name'),
        uid: z.number().int().min(1).max(4_294_967_294),
        gid: z.number().int().min(0).max(4_294_967_294).optional(),
        home: absolutePath.optional(),
      }),
    )
    .default([])
    .describe('Accounts added to passwd and group'),
  labels: z
    .record(
      z
        .string()
        .min(1)
        .refine((name) => !isOwnLabel(name), {
          error: 'labels of this name say which image it is, and are not for overlays',
        }),
      z.string(),
    )
    .default({})
    .describe('Labels of the image'),
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'a package name'))
    .default([])
    .describe('More packages of the operating system'),
  tuning: z
    .strictObject({
      threadPoolSize: z
        .number()
        .int()
        .min(1)
        .max(1024)
        .optional()
        .describe('Threads for file system, DNS and crypto work'),
      mallocArenas: z
        .number()
        .int()
        .min(1)
        .max(64)
        .optional()
        .describe('Arenas of the C library’s allocator; fewer use less memory'),
      semiSpaceMb: z
        .number()
        .int()
        .min(1)
        .max(512)
        .optional()
        .describe('Young generation of the JavaScript heap, in MiB per semi-space'),
      heapPercentage: z
        .number()
        .int()
        .min(1)
        .max(90)
        .optional()
        .describe('Share of the container’s memory for the JavaScript heap; Node.js needs some beside it'),
    })
    .default({})
    .describe('Performance'),
  proxies: z
    .strictObject({ http: z.url().optional(), https: z.url().optional(), no: z.string().optional() })
    .default({})
    .describe('Proxies; Node.js follows them where it can'),
});

export type OverlayConfig = z.infer<typeof OverlaySchema>;
