import { resolve } from 'node:path';
import { createGate } from './core/concurrency.ts';
import { Failure } from './core/errors.ts';
import { toRetryPolicy } from './core/retry.ts';
import { openCertification, type Certification, type EvidenceInput } from './pipeline-evidence.ts';
import { openSigning, type Signing } from './evidence/signing.ts';
import { openRuntime } from './runtimes/open-runtime.ts';
import type { Runtime, Sandbox } from './runtimes/runtime.ts';
import type { PublishTarget } from './stages/publish/publish-cell.ts';
import { openRegistryStore } from './store/registry/registry-store.ts';

export interface ResourcesInput extends EvidenceInput {
  /** Name of the runtime that was asked for. */
  readonly runtime?: string;
}

/** Things that all cells share and that are opened only when one of them needs it. */
export function openResources(input: ResourcesInput) {
  const { store, loaded, context, runtime: wanted } = input;
  let signing: Promise<Signing> | undefined;
  let certification: Promise<Certification> | undefined;
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
    /** The key for failures alone: a test that failed needs neither feeds nor policies to be told. */
    signing(): Promise<Signing> {
      return (signing ??= openSigning(loaded, context));
    },
    certification(): Promise<Certification> {
      return (certification ??= openCertification(input));
    },
    async close(): Promise<void> {
      await (await signing?.catch(() => undefined))?.close();
      await (await certification?.catch(() => undefined))?.close();
      const opened = await runtime?.catch(() => undefined);
      await opened?.close();
      for (const target of targets ?? []) await target.close?.();
    },
  };
}

/** Maintainer scripts change a folder of this machine: an engine elsewhere cannot. */
export function requireSandbox(runtime: Runtime): Sandbox {
  if (runtime.sandbox) return runtime.sandbox;
  throw new Failure('SANDBOX_MISSING', `slim and build images need a sandbox, which ${runtime.name} is not`, {
    hint: 'install runc and run as root: apt-get install runc',
  });
}
