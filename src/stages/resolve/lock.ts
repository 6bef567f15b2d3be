import { z } from 'zod';
import { canonicalJson, compareText, prettyJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists, writeFileAtomic } from '../../core/files.ts';
import { parseJson } from '../../core/json.ts';
import type { Recipe } from '../../config/recipe-schema.ts';
import { DigestSchema } from '../../formats/oci/descriptor.ts';
import { capabilityNames } from '../catalog/capabilities.ts';
import type { ReleaseAnswers } from '../plan/release-capabilities.ts';
import { BaseImageSchema } from './detect-base.ts';
import { InputSchema, type DebInput, type Input, type NodeInput, type ToolInput } from '../../sources/input.ts';

const LockedCellSchema = z.strictObject({
  id: z.string(),
  release: z.string(),
  base: z.string(),
  variant: z.string(),
  /** Digest of everything about the image that is not an input: see `configurationDigest`. */
  configuration: DigestSchema,
  platforms: z.array(
    z.strictObject({
      platform: z.string(),
      node: DigestSchema,
      /** npm and corepack, where the distribution lacks them and the variant has them. */
      tools: z.array(DigestSchema),
      /** Id of an entry of `systems`. */
      system: z.string(),
      /** Seconds since 1970: the newest build time among the inputs. */
      created: z.number().int().nonnegative(),
    }),
  ),
});

/** An operating system that cells share: packages in groups, each of them a layer on the one before. */
const LockedSystemSchema = z.strictObject({
  id: z.string(),
  packages: z.array(z.array(DigestSchema)),
  /** An image of somebody else, in the place of packages. */
  image: z.strictObject({ digest: DigestSchema, ...BaseImageSchema.shape }).optional(),
  /** Seconds since 1970: the newest build time among the packages. */
  time: z.number().int().nonnegative(),
});

/** A cell whose inputs could not be had, and why: it is reported in each run, and holds no other back. */
const UnresolvedCellSchema = z.strictObject({
  id: z.string(),
  release: z.string(),
  base: z.string(),
  variant: z.string(),
  platforms: z.array(z.string()),
  reason: z.string(),
  hint: z.string().optional(),
});

/** What a binary that the data on releases does not speak of has answered, and which one was asked. */
const ProbedReleaseSchema = z.strictObject({
  release: z.string(),
  node: DigestSchema,
  /** The questions: other ones are asked anew, and those of a lock that does not say which they were. */
  probe: DigestSchema.optional(),
  capabilities: z.array(z.enum(capabilityNames)),
  /** Modules and globals that its line has and this binary has not. */
  lacks: z.strictObject({ modules: z.array(z.string()), globals: z.array(z.string()) }).optional(),
});

const AwaitedReleaseSchema = z.strictObject({
  release: z.string(),
  missing: z.array(z.string()),
  taken: z.string(),
});

export const LockSchema = z.strictObject({
  lockVersion: z.literal(2),
  name: z.string(),
  /** Day on which the inputs were chosen. */
  date: z.iso.date(),
  /** Digest of the part of the recipe that chooses inputs. */
  selection: DigestSchema,
  inputs: z.array(InputSchema),
  systems: z.array(LockedSystemSchema),
  cells: z.array(LockedCellSchema),
  probed: z.array(ProbedReleaseSchema).optional(),
  /** Releases that were waited for, and what was taken until they are there for all platforms. */
  awaited: z.array(AwaitedReleaseSchema).optional(),
  unresolved: z.array(UnresolvedCellSchema),
});

export type Lock = z.infer<typeof LockSchema>;
export type LockedCell = z.infer<typeof LockedCellSchema>;
export type LockedPlatform = LockedCell['platforms'][number];
export type LockedSystem = z.infer<typeof LockedSystemSchema>;
export type ProbedRelease = z.infer<typeof ProbedReleaseSchema>;
export type UnresolvedCell = z.infer<typeof UnresolvedCellSchema>;

export async function readLock(path: string): Promise<Lock | undefined> {
  const text = await readTextIfExists(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw invalid(path, error);
  }
  const parsed = LockSchema.safeParse(value);
  if (!parsed.success) throw invalid(path, z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' '));
  requireWhole(parsed.data, path);
  return parsed.data;
}

/** Every digest and system that is named must be there. */
function requireWhole(lock: Lock, path: string): void {
  const inputs = new Set(lock.inputs.map((input) => input.digest));
  const systems = new Set(lock.systems.map((system) => system.id));
  const require = (owner: string, digest: Digest): void => {
    if (!inputs.has(digest)) throw invalid(path, `${owner} names the input ${digest}, which is not in the lock`);
  };
  for (const system of lock.systems) {
    for (const digest of system.packages.flat()) require(`the system ${system.id}`, digest);
    if (system.image) require(`the system ${system.id}`, system.image.digest);
  }
  for (const { release, node } of lock.probed ?? []) require(`what was asked of ${release}`, node);
  for (const cell of lock.cells) {
    for (const platform of cell.platforms) {
      for (const digest of [platform.node, ...platform.tools]) require(`cell ${cell.id}`, digest);
      if (!systems.has(platform.system))
        throw invalid(path, `cell ${cell.id} names the system ${platform.system}, which is not in the lock`);
    }
  }
}

/** Sorted and pretty, so that a review shows what changed. An unchanged lock is not written. */
export async function writeLock(path: string, lock: Lock): Promise<'written' | 'unchanged'> {
  const sorted: Lock = {
    ...lock,
    inputs: [...lock.inputs].sort((a, b) => compareText(inputKey(a), inputKey(b))),
  };
  const text = prettyJson(sorted);
  if ((await readTextIfExists(path)) === text) return 'unchanged';
  await writeFileAtomic(path, text);
  return 'written';
}

/** Digest of what decides the inputs: a recipe with another one needs another lock; tests and targets do not matter. */
export function selectionDigest(recipe: Recipe): Digest {
  const { node, bases, variants, platforms, overlays } = recipe;
  const source = node.source === 'npm' || 'npm' in node.source ? 'npm' : 'nodejs-dist';
  const systems = Object.entries(bases).map(([name, base]) => [name, 'debian' in base ? base.debian : base.image]);
  const packages = overlays.map((overlay) => [overlay.cells ?? '', overlay.packages]);
  const releases = node.releases.map(String);
  return digestOf(
    canonicalJson({
      releases,
      source,
      systems,
      variants,
      platforms,
      packages,
      // Only what was chosen: locks of recipes that do not speak of it stay as they are.
      ...(node.endOfLife ? { endOfLife: true } : {}),
      ...(node.probe === 'always' ? { probe: 'always' } : {}),
      ...(node.missingPlatforms === 'proceed' ? { missingPlatforms: 'proceed' } : {}),
    }),
  );
}

/** @throws Failure LOCK_OUTDATED when the recipe selects something else than the lock holds. */
export function requireFresh(lock: Lock, recipe: Recipe, path: string): void {
  if (lock.selection === selectionDigest(recipe)) return;
  throw new Failure(
    'LOCK_OUTDATED',
    `${path} was made from another recipe: releases, source, bases, variants or platforms changed`,
    {
      hint: 'run `nodeworthy lock` to add and remove what changed, or `nodeworthy lock --update` to refresh everything',
    },
  );
}

/** What the binaries have answered that a lock was made from. */
export function answersOf({ probed = [] }: Pick<Lock, 'probed'>): ReleaseAnswers {
  return new Map(probed.map(({ release, capabilities }) => [release, capabilities]));
}

export interface PlatformInputs {
  readonly node: NodeInput;
  readonly tools: readonly ToolInput[];
  /** In groups: each is a layer on the one before. */
  readonly packages: readonly (readonly DebInput[])[];
  readonly system: LockedSystem;
}

/** Inputs of one platform of a cell; packages sorted by name within their group. */
export function inputsOf(lock: Lock, platform: LockedPlatform): PlatformInputs {
  const byDigest = inputIndex(lock);
  const node = byDigest.get(platform.node);
  const system = lock.systems.find((candidate) => candidate.id === platform.system);
  if (node?.kind !== 'node' || !system)
    throw new Failure('LOCK_INVALID', 'a cell of the lock has no Node.js input, or no system', {
      hint: 'run `nodeworthy lock --update`',
    });
  return {
    node,
    tools: platform.tools.flatMap((digest) => ofKind(byDigest.get(digest), 'tool')),
    packages: packagesOf(lock, system),
    system,
  };
}

/** Every input of a cell, on all its platforms; none for a cell that is not in the lock. */
export function inputsOfCell(lock: Lock, id: string): Input[] {
  const byDigest = inputIndex(lock);
  const systems = new Map(lock.systems.map((system) => [system.id, system]));
  const platforms = lock.cells.find((cell) => cell.id === id)?.platforms ?? [];
  const digests = platforms.flatMap(({ node, tools, system }) => {
    const found = systems.get(system);
    return [node, ...tools, ...(found?.packages.flat() ?? []), ...(found?.image ? [found.image.digest] : [])];
  });
  return [...new Set(digests)].flatMap((digest) => byDigest.get(digest) ?? []);
}

/** Packages of a system in their groups, sorted by name. */
export function packagesOf(lock: Lock, system: LockedSystem): DebInput[][] {
  const byDigest = inputIndex(lock);
  return system.packages.map((group) =>
    group.flatMap((digest) => ofKind(byDigest.get(digest), 'deb')).sort((a, b) => compareText(a.name, b.name)),
  );
}

const indexes = new WeakMap<Lock, ReadonlyMap<Digest, Input>>();

/** Hundreds of cells ask for their inputs: the list is indexed once. */
function inputIndex(lock: Lock): ReadonlyMap<Digest, Input> {
  const known = indexes.get(lock);
  if (known) return known;
  const made = new Map(lock.inputs.map((input) => [input.digest, input]));
  indexes.set(lock, made);
  return made;
}

function ofKind<K extends Input['kind']>(input: Input | undefined, kind: K): Extract<Input, { kind: K }>[] {
  return input?.kind === kind ? [input as Extract<Input, { kind: K }>] : [];
}

export function inputKey(input: Input): string {
  switch (input.kind) {
    case 'node':
      return `node ${input.version} ${input.platform} ${input.libc}`;
    case 'deb':
      return `deb ${input.name} ${input.version} ${input.architecture}`;
    case 'tool':
      return `tool ${input.name} ${input.version}`;
    // A tag may mean another image tomorrow: its digest is its version.
    case 'image':
      return `image ${input.name} ${input.platform} ${input.digest}`;
  }
}

function invalid(path: string, cause: unknown): Failure {
  return new Failure(
    'LOCK_INVALID',
    `${path} is not a lock file of this version: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
    {
      hint: 'restore it from version control, or make a new one with `nodeworthy lock --update`',
      cause,
    },
  );
}
