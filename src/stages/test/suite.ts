import type { Context } from '../../core/context.ts';
import type { Digest } from '../../core/digest.ts';
import type { Environment, LayerChanges, LayerFile, ResourceUse, Runtime } from '../../runtimes/runtime.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { ImageView } from './image-view.ts';
import type { LayerCache } from './layer-cache.ts';
import type { Suite } from './report.ts';

/** What a test works on: one platform of one frozen candidate. */
export interface TestTarget {
  readonly store: LayoutStore;
  readonly subject: Digest;
  readonly platform: string;
  readonly runtime: Runtime;
  /** The candidate as it is: every test stacks its own layers on it. */
  readonly environment: Environment;
  /** Its file system and configuration, read from the layers: no container is needed to look. */
  readonly view: () => Promise<ImageView>;
  readonly cache: LayerCache;
  /** The candidate with a layer that several containers stand on: made once, and thrown away with the target. */
  readonly sharedLayer: (name: string, files: () => readonly LayerFile[]) => Promise<Environment>;
  /** A folder or file of the machine that containers get, filled once: it goes with the target. */
  readonly sharedFolder: (name: string, fill: (path: string) => Promise<void>) => Promise<string>;
  readonly context: Context;
}

/** One attempt at one case. */
export interface CaseOutcome {
  readonly id: string;
  /** Empty when it passed. */
  readonly problems: readonly string[];
  readonly durationMs: number;
  readonly exitCode: number | null;
  readonly output: string;
  readonly droppedBytes: number;
  readonly resources?: ResourceUse;
  readonly layers: readonly LayerChanges[];
  readonly cachedSteps?: number;
}

/** A piece of work that gives one or more cases; several share one where they share a container. */
export interface TestJob {
  readonly ids: readonly string[];
  /** @param ids those that are wanted, at least one */
  run(target: TestTarget, ids: readonly string[]): Promise<readonly CaseOutcome[]>;
}

/** Limits and privileges that whoever defines a test may set. */
export interface TestSettings {
  /** Whole seconds for one step: a container, an instruction. */
  readonly stepTimeoutMs: number;
  /** For one case with everything in it. */
  readonly timeoutMs: number;
  /** Further attempts at a case that failed. */
  readonly retries: number;
  /** `HOST:PORT` that containers may connect to. */
  readonly hosts: readonly string[];
  /** Values of ARG. */
  readonly arguments: Readonly<Record<string, string>>;
}

export const defaultSettings: TestSettings = {
  stepTimeoutMs: 300_000,
  timeoutMs: 900_000,
  retries: 0,
  hosts: [],
  arguments: {},
};

/** A case that an image cannot have, and why. */
export interface NotApplicable {
  readonly id: string;
  readonly reason: string;
}

/** Tests of one definition, ready to run. */
export interface TestSuite {
  readonly suite: Suite;
  readonly settings: TestSettings;
  readonly jobs: readonly TestJob[];
  /** Cases of the definition that do not apply to the image; part of the suite's digest. */
  readonly notApplicable?: readonly NotApplicable[];
}
