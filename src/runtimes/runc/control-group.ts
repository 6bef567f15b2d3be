import { readFile, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from '../../core/errors.ts';
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
  await Promise.all((await controllers()).map((controller) => removeTree(join(root, controller, parent))));
}

/** Numbers of the processes whose groups are still there. */
export async function listGroupOwners(): Promise<number[]> {
  const owners = new Set<number>();
  for (const controller of await controllers())
    for (const name of await readdir(join(root, controller)).catch(() => [])) {
      const owner = /^nodeworthy-(\d+)$/.exec(name)?.[1];
      if (owner !== undefined) owners.add(Number(owner));
    }
  return [...owners];
}

async function controllers(): Promise<string[]> {
  return ['.', ...(await readdir(root).catch(() => []))];
}

async function removeTree(folder: string): Promise<void> {
  const inside = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const child of inside) if (child.isDirectory()) await removeTree(join(folder, child.name));
  for (let attempt = 0; attempt < 5; attempt++) {
    const error = await rmdir(folder).then(
      () => undefined,
      (problem: unknown) => problem,
    );
    // The last process of a group is gone a moment before the group knows.
    if (systemCode(error) !== 'EBUSY') return;
    await sleep(20);
  }
}
