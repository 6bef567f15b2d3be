import { z } from 'zod';
import { hardeningRuleNames } from './hardening.ts';
import { aliasKinds } from './alias-kinds.ts';
import { EnvironmentSchema, FeedSchema } from './environment-schema.ts';
import { OverlaySchema } from './overlay-schema.ts';
import { SigningSchema, TrustSchema } from './signing-schema.ts';

const name = z
  .string()
  .regex(/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/, 'use lower-case letters, digits and single . _ - between them');

const NpmSource = z.strictObject({
  npm: z.strictObject({
    registry: z.url().describe('Address of the registry; without it, the one npm is configured for'),
  }),
});

const DistSource = z.strictObject({
  'nodejs-dist': z.strictObject({
    url: z.url().describe('Address of a folder laid out like the Node.js download site'),
    keyring: z.string().describe('File with the release keys, armored or binary; relative to the recipe'),
    fingerprints: z
      .array(z.string().regex(/^[0-9A-Fa-f]{40}$/, 'forty hex digits'))
      .optional()
      .describe('Primary keys that may sign; without it, the Node.js releasers the project lists'),
  }),
});

const ImageBase = z.strictObject({
  image: z
    .string()
    .describe('Reference of an image with any other operating system, like registry.example.com/os/base:9'),
  plainHttp: z.boolean().optional().describe('Speak http to a registry that is not on this machine'),
  caFile: z.string().optional().describe('PEM file with the registry’s certificate authority'),
});

const DebianBase = z.strictObject({
  debian: z.string().describe('Code name of the suite'),
  mirror: z.url().optional().describe('Debian archive; without it, the one apt is configured for'),
  securityMirror: z.url().optional().describe('Debian security archive; without it, the one apt is configured for'),
  keyring: z.string().optional().describe('Archive keys; without it, the Signed-By of apt’s configuration'),
});

const seconds = z.number().positive().max(86_400);

/** Tests that somebody wrote, and which images they are for. */
const TestEntry = z
  .strictObject({
    path: z
      .string()
      .optional()
      .describe('A file or folder with tests, relative to the recipe; it may lie in another repository beside it'),
    dockerfile: z
      .string()
      .optional()
      .describe('The same for a folder with a Dockerfile without FROM, or the file itself'),
    kind: z
      .enum(['dockerfile', 'structure', 'run', 'script', 'application'])
      .optional()
      .describe('How to read it; without it, what it looks like'),
    name: name.optional().describe('Name of the suite; without it, that of the file or folder'),
    variants: z.array(name).optional().describe('Only for these variants'),
    bases: z.array(name).optional().describe('Only on these bases'),
    versions: z.string().optional().describe('Only for releases in this range, like `>=24 <26`'),
    platforms: z.array(z.string()).optional().describe('Only on these platforms'),
    timeoutSeconds: seconds.optional().describe('For one case with everything in it; 900 without it'),
    stepTimeoutSeconds: seconds.optional().describe('For one container or instruction; 300 without it'),
    retries: z
      .number()
      .int()
      .min(0)
      .max(10)
      .default(0)
      .describe('Further attempts at a case that failed; one that then passes is flaky, which is no pass'),
    hosts: z
      .array(z.string())
      .default([])
      .describe('`HOST:PORT` that containers may connect to; there is no other network. runc only'),
    arguments: z.record(z.string(), z.string()).default({}).describe('Values of ARG in a Dockerfile'),
  })
  .refine(({ path, dockerfile }) => (path === undefined) !== (dockerfile === undefined), {
    message: 'name either a path or a dockerfile',
  });

const ImageCell = z.strictObject({
  name: name.describe('Name of the cell, and its first tag'),
  dockerfile: z.string().describe('Folder with a Dockerfile, or the file itself; relative to the recipe'),
  engine: z
    .enum(['docker', 'podman', 'buildah'])
    .optional()
    .describe('Engine that builds it; without it, the first that answers'),
  squash: z.boolean().default(false).describe('Make one layer of the result'),
  buildArguments: z.record(z.string(), z.string()).default({}).describe('Values of ARG'),
  aliases: z.array(name).default([]).describe('More tags'),
  tests: z.array(TestEntry).default([]).describe('Tests of this image alone'),
});

const PublishTarget = z.strictObject({
  repository: z.string().describe('Registry and repository, like localhost:5000/acme/node'),
  plainHttp: z.boolean().optional().describe('Speak http to a registry that is not on this machine'),
  caFile: z.string().optional().describe('PEM file with the registry’s certificate authority'),
});

const TagPolicy = z.strictObject({
  aliases: z
    .array(z.enum(aliasKinds))
    .default([...aliasKinds])
    .describe('Moving tags that are made; the exact version always is'),
  base: name.optional().describe('Base of the tags without one; without it, the first that is no experiment'),
  bases: z
    .record(z.string().regex(/^\d+$/, 'a release line, like 22'), name)
    .default({})
    .describe('Base of a line’s tags without one: a line keeps its base when the default moves on'),
  variant: z
    .enum(['runtime', 'slim', 'build'])
    .optional()
    .describe('Variant of the tags without one; without it, the first'),
});

/** What a team wants. Strict: a key that is not here is an error that names its line. */
export const RecipeSchema = z
  .strictObject({
    name: name.describe('Name of the product line; part of every image title'),
    node: z
      .strictObject({
        releases: z
          .array(z.union([z.string().min(1), z.number()]))
          .describe('Selectors: 24.21.0, 24, 24.x, a range, lts, current, maintenance, supported, or a code name'),
        source: z
          .union([z.literal('npm'), NpmSource, DistSource])
          .default('npm')
          .describe('Where Node.js binaries come from'),
        capabilities: z
          .record(
            z.string(),
            z.strictObject({
              has: z.array(z.string()).default([]).describe('What they can do beyond the data on releases'),
              lacks: z.array(z.string()).default([]).describe('What they cannot do, as a build without ICU'),
            }),
          )
          .default({})
          .describe('For binaries of your own, by range of releases; a check holds it to the binary'),
        probe: z
          .enum(['unknown', 'always'])
          .default('unknown')
          .describe(
            'Which binaries are asked what they can do when the lock is made: those of releases `unknown` to the data, or `always`, for Node.js of your own making',
          ),
        endOfLife: z
          .strictObject({
            reason: z.string().min(10).describe('Why images of lines past their end are wanted'),
          })
          .optional()
          .describe('Says that releases of lines past their end are wanted; without it, their cells are refused'),
        missingPlatforms: z
          .enum(['wait', 'proceed'])
          .default('wait')
          .describe(
            'What to do with a release that the source does not have for a platform which its line has: `wait` for it with the one before, or `proceed` with the platforms that are there',
          ),
      })
      .prefault({ releases: [] }),
    bases: z
      .record(name, z.union([DebianBase, ImageBase]))
      .default({})
      .describe('Operating systems under the images; the first is the default of the short tags'),
    variants: z
      .array(z.enum(['runtime', 'slim', 'build']))
      .min(1)
      .default(['runtime']),
    platforms: z
      .array(z.enum(['linux/amd64', 'linux/arm64']))
      .min(1)
      .default(['linux/amd64']),
    compression: z
      .enum(['gzip', 'zstd'])
      .default('gzip')
      .describe('How layers are compressed; zstd is smaller, but old engines cannot read it'),
    layers: z
      .union([z.enum(['shared', 'one']), z.strictObject({ budget: z.number().int().min(1).max(127) })])
      .default('shared')
      .describe(
        '`shared`: layers that images have in common; `one`: the smallest single image; a budget: at most so many',
      ),
    hardening: z
      .union([z.enum(['none', 'standard', 'strict']), z.array(z.enum(hardeningRuleNames)).min(1)])
      .default('standard')
      .describe('Profile, or a list of rules'),
    overlays: z
      .array(OverlaySchema)
      .default([])
      .describe('What clients or environments want differently, applied in this order'),
    images: z
      .array(ImageCell)
      .default([])
      .describe('Images that an engine builds from a Dockerfile, tested and published like the others'),
    budgets: z
      .strictObject({
        runtime: z.number().positive().optional(),
        slim: z.number().positive().optional(),
        build: z.number().positive().optional(),
      })
      .default({})
      .describe('Most megabytes (10^6 bytes, compressed) that an image of a variant may have on one platform'),
    retries: z
      .strictObject({
        attempts: z.number().int().min(1).max(20).default(5).describe('How often a transient failure is tried in all'),
        firstWaitMs: z.number().int().min(0).max(60_000).default(200).describe('First wait; it doubles each time'),
        maxWaitMs: z.number().int().min(0).max(600_000).default(15_000).describe('Longest wait'),
      })
      .prefault({})
      .describe('Downloads and registries: only what may go away by itself is tried again'),
    tags: TagPolicy.prefault({}),
    experimental: z
      .array(z.string())
      .default([])
      .describe('Cells that are no more than an experiment, as patterns like `27.*`; they get no short tags'),
    tests: z.array(TestEntry).default([]).describe('Tests of your own, run on top of the built-in battery'),
    publish: z.array(PublishTarget).default([]).describe('Registries to publish to, besides the embedded store'),
    signing: SigningSchema.optional().describe(
      'Keys that sign; without it, keys of this workspace that are made with the first run',
    ),
    trust: TrustSchema.default([]).describe(
      'Who is believed, besides the keys that sign here when there is no such list',
    ),
    feeds: z.array(FeedSchema).default([]).describe('Where vulnerabilities are looked up'),
    vex: z.array(z.string()).default([]).describe('OpenVEX documents, relative to the recipe'),
    environments: z
      .record(name, EnvironmentSchema)
      .default({})
      .describe('Policies by name; the first is that of `run` unless another is asked for'),
  })
  .superRefine((recipe, context) => {
    const hasCells = recipe.node.releases.length > 0;
    if (!hasCells && recipe.images.length === 0)
      context.addIssue({
        code: 'custom',
        path: ['node'],
        message: 'name at least one release under node.releases, or an image under images',
      });
    const taken = new Set([...Object.keys(recipe.bases), ...recipe.variants, 'runtime', 'slim', 'build']);
    for (const [environment, { tagSuffix }] of Object.entries(recipe.environments))
      if (tagSuffix.split(/[._-]/).some((word) => taken.has(word) || /^r?\d+$/.test(word)))
        context.addIssue({
          code: 'custom',
          path: ['environments', environment, 'tagSuffix'],
          message: 'tags with this ending would be read as those of a base, a variant, a version or a revision',
        });
    if (hasCells && Object.keys(recipe.bases).length === 0)
      context.addIssue({ code: 'custom', path: ['bases'], message: 'name at least one base' });
  });

export type ImageCellConfig = z.infer<typeof ImageCell>;
export type TestEntryConfig = z.infer<typeof TestEntry>;
export type Recipe = z.infer<typeof RecipeSchema>;
export type NodeSourceConfig = Recipe['node']['source'];
export type BaseConfig = Recipe['bases'][string];
export type DebianBase = z.infer<typeof DebianBase>;
export type ImageBase = z.infer<typeof ImageBase>;
