import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import type { Libc, NodeInput, ToolInput } from '../../sources/input.ts';
import type { NodeSource } from '../../sources/source.ts';
import { toolsOf } from '../catalog/npm-lines.ts';
import type { Variant } from '../plan/variants.ts';
import { nodeKey, settled, type Acquired } from './acquired.ts';
import type { ChosenRelease } from './find-releases.ts';
import type { Lock } from './lock.ts';

interface NodesWanted {
  readonly releases: readonly ChosenRelease[];
  readonly libcs: readonly Libc[];
  readonly keep: Lock | undefined;
  readonly context: Context;
}

/** The binary of each release, platform and C library; what a lock pins is not asked for. */
export async function acquireNodes(
  source: NodeSource,
  { releases, libcs, keep, context }: NodesWanted,
): Promise<Map<string, Acquired<NodeInput>>> {
  const wanted = releases.flatMap(({ release, platforms }) =>
    platforms.flatMap((platform) => libcs.map((libc) => ({ version: release, platform, libc }))),
  );
  const acquired = await mapConcurrent(wanted, context.concurrency, async ({ version, platform, libc }) => {
    const pinned = keep?.inputs.find(
      (input): input is NodeInput =>
        input.kind === 'node' && input.version === version && input.platform === platform && input.libc === libc,
    );
    return await settled(async () => pinned ?? (await source.acquire(version, platform, libc)));
  });
  return new Map(wanted.map((entry, at) => [nodeKey(entry), acquired[at] as Acquired<NodeInput>]));
}

/** Tools by name and range; each is asked for once. */
export async function acquireTools(
  source: NodeSource,
  {
    releases,
    chosenVariants,
    keep,
  }: { releases: readonly ChosenRelease[]; chosenVariants: readonly Variant[]; keep?: Lock },
): Promise<Map<string, Acquired<ToolInput | undefined>>> {
  const tools = new Map<string, Acquired<ToolInput | undefined>>();
  if (!chosenVariants.some((variant) => variant.node.includes('npm'))) return tools;
  for (const { release } of releases) {
    for (const { name, range } of toolsOf(release)) {
      const key = `${name} ${range}`;
      if (tools.has(key)) continue;
      const pinned = keep?.inputs.find(
        (input): input is ToolInput =>
          input.kind === 'tool' && input.name === name && semver.satisfies(input.version, range),
      );
      tools.set(key, await settled(async () => pinned ?? (await source.acquireTool(name, range))));
    }
  }
  return tools;
}
