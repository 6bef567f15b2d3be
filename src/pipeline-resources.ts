import { resolve } from 'node:path';
import { createGate } from './core/concurrency.ts';
import type { Context } from './core/context.ts';
import { Failure } from './core/errors.ts';
import { toRetryPolicy } from './core/retry.ts';
import type { LoadedRecipe } from './config/load-recipe.ts';
import { openRuntime } from './runtimes/open-runtime.ts';
import type { Runtime, Sandbox } from './runtimes/runtime.ts';
import type { PublishTarget } from './stages/publish/publish-cell.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';
import { openRegistryStore } from './store/registry/registry-store.ts';

export interface ResourcesInput {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly context: Context;
  /** Name of the runtime that was asked for. */
  readonly runtime?: string;
}

/** Things that all cells share and that are opened only when one of them needs it. */
export function openResources({ store, loaded, context, runtime: wanted }: ResourcesInput) {
  let runtime: Promise<Runtime> | undefined;
  let targets: (PublishTarget & { close?: () => Promise<void> })[] | undefined;
  const gate = createGate(context.concurrency + 1);
  function openOnce(): Promise<Runtime> {
    runtime ??= openRuntime(wanted, context.env).then((opened) => ({
      ...opened,
      run: (environment, request, signal) => gate(() => opened.run(environment, request, signal)),
    }));
    return runtime;
  }

  return {
    runtime: openOnce,
    async sandbox(): Promise<Sandbox> {
      return requireSandbox(await openOnce());
    },
    targets(): PublishTarget[] {
      targets ??= [
        { name: 'store', store },
        ...loaded.recipe.publish.map((target) => {
          const caFile = target.caFile === undefined ? undefined : resolve(loaded.folder, target.caFile);
          const registry = openRegistryStore({
            ...target,
            caFile,
            retry: toRetryPolicy(loaded.recipe.retries),
            env: context.env,
            signal: context.signal,
            report: context.report,
          });
          return { name: target.repository, store: registry, close: () => registry.close() };
        }),
      ];
      return targets;
    },
    async close(): Promise<void> {
      const opened = await runtime?.catch(() => undefined);
      await opened?.close();
      for (const target of targets ?? []) await target.close?.();
    },
  };
}

/** Maintainer scripts change a folder of this machine: an engine elsewhere cannot. */
function requireSandbox(runtime: Runtime): Sandbox {
  if (runtime.sandbox) return runtime.sandbox;
  throw new Failure('SANDBOX_MISSING', `slim and build images need a sandbox, which ${runtime.name} is not`, {
    hint: 'install runc and run as root: apt-get install runc',
  });
}
