import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { createGate } from '../../core/concurrency.ts';
import { digestOf, hexOf, type Digest } from '../../core/digest.ts';
import { namesIn, removeTree } from '../../core/files.ts';
import { DigestSchema } from '../../formats/oci/descriptor.ts';
import type { Environment, LayerChanges, LayerKeeping, Runtime } from '../../runtimes/runtime.ts';
import { dropKept, keptFolder, keptPath, noteKept, readKept, type KeptFile } from '../../store/kept-files.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';

const layersKind = 'test-layers';
const stepsKind = 'test-steps';

/** Identity of an environment: what it stands on, and every instruction since. */
export type LayerKey = Digest;

const Note = z.looseObject({
  output: z.string(),
  saved: z.boolean().optional(),
  changes: z
    .looseObject({
      added: z.number(),
      changed: z.number(),
      removed: z.number(),
      paths: z.array(z.string()),
      diffId: z.string().optional(),
    })
    .optional(),
});

export interface FoundLayer {
  readonly environment: Environment;
  readonly output: string;
  readonly changes: LayerChanges | undefined;
}

/** A layer that a test made, in the order of its steps. */
export interface TestStep {
  readonly key: LayerKey;
  /** What made it, for people. */
  readonly text: string;
  /** Its newest layer is this step's. */
  readonly environment: Environment;
  readonly output: string;
  /** What the layer holds: found out while the next step runs. */
  readonly changes: Promise<LayerChanges | undefined>;
  /** It was had from before. */
  readonly isFound: boolean;
}

/** Layers of tests that are had again: by what they stand on, their instruction, and the files that it takes. */
export interface LayerCache {
  find(runtime: Runtime, environment: Environment, key: LayerKey): Promise<FoundLayer | undefined>;
  /** Keeps the layers of a case, or throws them away; those of a failed one are noted for `shell`. */
  settle(
    runtime: Runtime,
    made: {
      readonly id: string;
      readonly steps: readonly TestStep[];
      readonly failed: boolean;
      /** The steps lead up to something, and may be had again the next time. */
      readonly isSetup?: boolean;
    },
  ): Promise<void>;
}

/** Two tests may have made the same layer at the same time. */
const oneAtATime = createGate(1);

export interface CacheOptions {
  /** Digest of what is tested: the layers of its failed tests are found by it. */
  readonly subject: Digest;
  readonly readable: boolean;
  /** Which layers stay when a test is over; `saved` ones stay until somebody throws them away. */
  readonly keep: 'saved' | 'all' | 'failed';
}

export function layerKey(below: LayerKey | string, step: unknown): LayerKey {
  return digestOf(canonicalJson([below, step]));
}

export function openLayerCache(store: LayoutStore, { subject, readable, keep }: CacheOptions): LayerCache {
  async function keepLayer(
    { layers, runtime, isFailed }: { layers: LayerKeeping; runtime: Runtime; isFailed: boolean },
    { key, environment, output, changes }: TestStep,
  ): Promise<void> {
    const kept = keptLayer(key);
    await keptFolder(store, kept.kind);
    const held = await changes;
    const note = canonicalJson({ output, saved: keep === 'saved', ...(held ? { changes: held } : {}) });
    if (!isFailed && (await readKept(store, kept)) !== undefined) {
      // Another test has made the same layer, and somebody may stand on it.
      if (keep === 'saved') await noteKept(store, kept, note);
      await runtime.dispose(environment);
      return;
    }
    // Without its note, a layer that is half replaced does not exist.
    await dropKept(store, kept);
    await layers.keep(environment, keptPath(store, kept));
    // The note comes last: a layer without one does not exist.
    await noteKept(store, kept, note);
  }
  return {
    async find(runtime, environment, key) {
      if (!readable || !runtime.layers) return undefined;
      const folder = folderOf(store, key);
      const text = await readKept(store, keptLayer(key));
      const note = text === undefined ? undefined : Note.safeParse(JSON.parse(text));
      if (!note?.success) return undefined;
      // Its time says when it was wanted last.
      await utimes(`${folder}.json`, new Date(), new Date()).catch(() => {});
      return {
        environment: runtime.layers.restore(environment, folder),
        output: note.data.output,
        changes: note.data.changes as LayerChanges | undefined,
      };
    },
    async settle(runtime, { id, steps, failed, isSetup = false }) {
      const { layers } = runtime;
      const kept = layers && (failed || keep === 'saved' || (keep === 'all' && isSetup)) ? steps : [];
      for (const made of kept)
        if (layers && !made.isFound)
          await oneAtATime(() => keepLayer({ layers, runtime, isFailed: failed && made === kept.at(-1) }, made));
      if ((failed || keep === 'saved') && layers) await noteSteps(store, { subject, id }, steps);
      for (const { environment, isFound } of steps)
        if (!isFound && kept.length === 0) await runtime.dispose(environment);
    },
  };
}

const Steps = z.strictObject({
  subject: DigestSchema,
  id: z.string(),
  steps: z.array(z.strictObject({ key: DigestSchema, text: z.string() })),
});

interface NotedTest {
  readonly subject: Digest;
  readonly id: string;
}

async function noteSteps(store: LayoutStore, test: NotedTest, steps: readonly TestStep[]): Promise<void> {
  const noted = steps.map(({ key, text }) => ({ key, text }));
  await store.notes.write(stepsKind, stepsName(test), canonicalJson({ ...test, steps: noted }));
}

/** The layers of a failed test that are still there, the lowest first. */
export async function findSteps(
  store: LayoutStore,
  test: NotedTest,
): Promise<readonly { readonly text: string; readonly folder: string }[]> {
  const noted = await readSteps(store, stepsName(test));
  const found: { text: string; folder: string }[] = [];
  for (const step of noted?.steps ?? []) {
    if ((await readKept(store, keptLayer(step.key))) === undefined) break;
    found.push({ text: step.text, folder: folderOf(store, step.key) });
  }
  return found;
}

/** Tests of a digest whose layers were noted. */
export async function listNotedTests(
  store: LayoutStore,
  subject: Digest,
): Promise<{ readonly id: string; readonly steps: readonly { readonly text: string }[] }[]> {
  const found: { id: string; steps: readonly { text: string }[] }[] = [];
  for (const name of await listSteps(store)) {
    const noted = await readSteps(store, name);
    if (noted?.subject === subject) found.push(noted);
  }
  return found;
}

async function listSteps(store: LayoutStore): Promise<string[]> {
  return (await namesIn(join(store.stateFolder, stepsKind))).sort(compareText);
}

async function readSteps(store: LayoutStore, name: string): Promise<z.infer<typeof Steps> | undefined> {
  const text = await store.notes.read(stepsKind, name);
  return text === undefined ? undefined : Steps.safeParse(JSON.parse(text)).data;
}

function stepsName({ subject, id }: NotedTest): string {
  return `${hexOf(digestOf(canonicalJson([subject, id])))}.json`;
}

function keptLayer(key: LayerKey): KeptFile {
  return { kind: layersKind, name: hexOf(key) };
}

function folderOf(store: LayoutStore, key: LayerKey): string {
  return keptPath(store, keptLayer(key));
}

export interface CacheLimits {
  readonly maxAgeMs: number;
  readonly maxLayers: number;
  /** Whether those that somebody saved go as well. */
  readonly saved: boolean;
}

export const defaultCacheLimits: CacheLimits = { maxAgeMs: 7 * 24 * 3_600_000, maxLayers: 200, saved: false };

/** Takes away kept layers that are too old or too many, those first that nobody wanted for longest. */
export async function collectGarbage(store: LayoutStore, limits: CacheLimits, nowMs: number): Promise<number> {
  const root = join(store.stateFolder, layersKind);
  const names = await namesIn(root);
  const notes = names.filter((name) => name.endsWith('.json'));
  const saved = new Set(limits.saved ? [] : await savedLayers(store, notes));
  const known = await Promise.all(
    notes.map(async (name) => ({
      name: name.slice(0, -'.json'.length),
      wantedMs: (await stat(join(root, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  known.sort((a, b) => b.wantedMs - a.wantedMs);
  const kept = new Set(
    known
      .filter(({ wantedMs }, index) => index < limits.maxLayers && nowMs - wantedMs <= limits.maxAgeMs)
      .map(({ name }) => name),
  );
  let removed = 0;
  for (const name of names) {
    const layer = name.split('.')[0] ?? '';
    if (kept.has(layer) || saved.has(layer)) continue;
    // A folder without a note may be somebody's who is about to write it; after a while it is nobody's.
    const age = nowMs - ((await stat(join(root, name)).catch(() => undefined))?.ctimeMs ?? 0);
    if (!notes.includes(`${layer}.json`) && age < Math.min(3_600_000, limits.maxAgeMs)) continue;
    await removeTree(join(root, name));
    removed++;
  }
  await forgetSteps(store);
  return removed;
}

/** Notes about tests whose layers are gone. */
async function forgetSteps(store: LayoutStore): Promise<void> {
  for (const name of await listSteps(store)) {
    const first = (await readSteps(store, name))?.steps[0];
    if (!first || !(await stat(folderOf(store, first.key)).catch(() => undefined)))
      await store.notes.remove(stepsKind, name);
  }
}

export async function hasSavedLayers(store: LayoutStore): Promise<boolean> {
  const root = join(store.stateFolder, layersKind);
  const notes = (await namesIn(root)).filter((name) => name.endsWith('.json'));
  return (await savedLayers(store, notes)).length > 0;
}

async function savedLayers(store: LayoutStore, notes: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of notes) {
    const name = file.slice(0, -'.json'.length);
    const text = await readKept(store, { kind: layersKind, name });
    if (text !== undefined && Note.safeParse(JSON.parse(text)).data?.saved) found.push(name);
  }
  return found;
}
