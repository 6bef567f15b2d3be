import type { LoadedRecipe } from './config/load-recipe.ts';
import type { Context } from './core/context.ts';
import type { Digest } from './core/digest.ts';
import { isNative } from './runtimes/emulation.ts';
import { openRuntime } from './runtimes/open-runtime.ts';
import { requireSandbox } from './pipeline-resources.ts';
import type { Runtime } from './runtimes/runtime.ts';
import { assembleCell } from './stages/assemble/assemble-cell.ts';
import { configurationDigest, settingsFor } from './stages/plan/image-settings.ts';
import type { Lock, LockedCell } from './stages/resolve/lock.ts';
import type { AskBinary } from './stages/resolve/probe-releases.ts';
import { askBinary, probeDigest } from './stages/test/battery/ask-binary.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';

export interface ProbeInput {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly context: Context;
  /** Name of the runtime that was asked for. */
  readonly runtime: string | undefined;
}

/** How a lock asks a binary: on its own base, in an image that sets no option, which nobody keeps. */
export function openProbe({ store, loaded, context, runtime: wanted }: ProbeInput) {
  let runtime: Promise<Runtime> | undefined;
  const open = (): Promise<Runtime> => (runtime ??= openRuntime(wanted, context.env));
  // What is made to be asked is no candidate.
  const passing: LayoutStore = { ...store, keep: async () => {} };

  async function bareImage(draft: Lock, cell: LockedCell): Promise<{ manifest: Digest; platform: string }> {
    const platform = cell.platforms.find((entry) => isNative(entry.platform)) ?? cell.platforms[0];
    if (!platform) throw new TypeError(`${cell.id} has no platform`);
    const plain = { recipe: { ...loaded.recipe, hardening: [], overlays: [] }, overlays: [] };
    const settings = { ...settingsFor(plain, cell, new Map()), capabilities: [] };
    const bare = { ...cell, configuration: configurationDigest(cell.release, settings), platforms: [platform] };
    const candidate = await assembleCell(passing, draft, bare, {
      compression: loaded.recipe.compression,
      settings,
      sandbox: async () => requireSandbox(await open()),
    });
    const [made] = candidate.platforms;
    if (!made) throw new TypeError(`${cell.id} was not made`);
    return { manifest: made.manifest.digest, platform: platform.platform };
  }

  const ask: AskBinary = async (draft, cell) => {
    const opened = await open();
    context.report({ kind: 'cell', cell: cell.id, step: 'assemble', detail: 'to be asked what it can do' });
    const image = await bareImage(draft, cell);
    return {
      node: platformNode(cell, image.platform),
      ...(await askBinary(opened, { store, image, release: cell.release }, context)),
    };
  };
  return {
    ask,
    probe: probeDigest,
    async close(): Promise<void> {
      await (await runtime?.catch(() => undefined))?.close();
    },
  };
}

function platformNode({ platforms }: LockedCell, platform: string): Digest {
  const found = platforms.find((entry) => entry.platform === platform);
  if (!found) throw new TypeError(`no ${platform}`);
  return found.node;
}
