import { z } from 'zod';
import { canonicalJson, compareText, prettyJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists, writeFileAtomic } from '../../core/files.ts';
import type { Recipe } from '../../config/recipe-schema.ts';
import { DigestSchema } from '../../formats/oci/descriptor.ts';
import { InputSchema, type DebInput, type Input, type NodeInput } from '../../sources/input.ts';

const LockedCellSchema = z.strictObject({
  id: z.string(),
  release: z.string(),
  base: z.string(),
  variant: z.string(),
  /** Digest of everything about the image that is not an input: see `configurationOf`. */
  configuration: DigestSchema,
  platforms: z.array(
    z.strictObject({
      platform: z.string(),
      inputs: z.array(DigestSchema),
      /** Seconds since 1970: the newest build time among the inputs. */
      created: z.number().int().nonnegative(),
    }),
  ),
});

const LockSchema = z.strictObject({
  lockVersion: z.literal(1),
  name: z.string(),
  /** Day on which the inputs were chosen. */
  date: z.iso.date(),
  /** Digest of the part of the recipe that chooses inputs. */
  selection: DigestSchema,
  inputs: z.array(InputSchema),
  cells: z.array(LockedCellSchema),
});

export type Lock = z.infer<typeof LockSchema>;
export type LockedCell = z.infer<typeof LockedCellSchema>;

export async function readLock(path: string): Promise<Lock | undefined> {
  const text = await readTextIfExists(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(path, error);
  }
  const parsed = LockSchema.safeParse(value);
  if (!parsed.success) throw invalid(path, parsed.error);
  const known = new Set(parsed.data.inputs.map((input) => input.digest));
  for (const cell of parsed.data.cells) {
    for (const digest of cell.platforms.flatMap((platform) => platform.inputs)) {
      if (!known.has(digest))
        throw invalid(path, `cell ${cell.id} names the input ${digest}, which is not in the lock`);
    }
  }
  return parsed.data;
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
  const { node, bases, variants, platforms } = recipe;
  const source = node.source === 'npm' || 'npm' in node.source ? 'npm' : 'nodejs-dist';
  const suites = Object.entries(bases).map(([name, base]) => [name, base.debian]);
  return digestOf(canonicalJson({ releases: node.releases.map(String), source, suites, variants, platforms }));
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

export interface PlatformInputs {
  readonly node: NodeInput;
  readonly packages: readonly DebInput[];
}

export function inputsOf(lock: Lock, digests: readonly Digest[]): PlatformInputs {
  const wanted = new Set(digests);
  const inputs = lock.inputs.filter((input) => wanted.has(input.digest));
  const node = inputs.find((input) => input.kind === 'node');
  if (!node)
    throw new Failure('LOCK_INVALID', 'a cell of the lock has no Node.js input', {
      hint: 'run `nodeworthy lock --update`',
    });
  return { node, packages: inputs.filter((input) => input.kind === 'deb').sort((a, b) => compareText(a.name, b.name)) };
}

export function inputKey(input: Input): string {
  return input.kind === 'node'
    ? `node ${input.version} ${input.platform}`
    : `deb ${input.name} ${input.version} ${input.architecture}`;
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
