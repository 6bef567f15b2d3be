import { readFile, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResourceUse } from '../runtime.ts';

const root = '/sys/fs/cgroup';

/**
 * What a container used. runc takes its own group away at the end; the group above it has the same numbers and stays
 * until we have read them.
 */
export async function readUse(group: string): Promise<ResourceUse> {
  const [peakV1, peakV2, cpuV1, cpuV2] = await Promise.all(
    [
      ['memory', 'memory.max_usage_in_bytes'],
      ['', 'memory.peak'],
      ['cpuacct', 'cpuacct.usage'],
      ['', 'cpu.stat'],
    ].map(([controller = '', file = '']) => readFile(join(root, controller, group, file), 'utf8').catch(() => '')),
  );
  const memoryPeakBytes = Number(peakV1 || peakV2);
  const cpuMs = cpuV1 ? Number(cpuV1) / 1e6 : Number(/usage_usec (\d+)/.exec(cpuV2 ?? '')?.[1] ?? 0) / 1e3;
  return {
    ...(memoryPeakBytes > 0 ? { memoryPeakBytes } : {}),
    ...(cpuMs > 0 ? { cpuMs: Math.round(cpuMs) } : {}),
  };
}

/** Empty control groups stay behind otherwise: runc removes its own, not the ones above. */
export async function removeGroups(parent: string): Promise<void> {
  const controllers = await readdir(root).catch(() => []);
  await Promise.all(
    ['.', ...controllers].map(async (controller) => {
      const folder = join(root, controller, parent);
      const inside = await readdir(folder, { withFileTypes: true }).catch(() => []);
      for (const child of inside) if (child.isDirectory()) await removeTree(join(folder, child.name));
      await rmdir(folder).catch(() => {});
    }),
  );
}

async function removeTree(folder: string): Promise<void> {
  const inside = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const child of inside) if (child.isDirectory()) await removeTree(join(folder, child.name));
  await rmdir(folder).catch(() => {});
}
