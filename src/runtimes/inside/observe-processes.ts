import { readFile, readdir, readlink } from 'node:fs/promises';

export interface ObservedProcesses {
  /** Processes of the container, the first one included. */
  readonly count: number;
  readonly zombies: number;
  /** Memory that they hold together, shared pages counted for each of them. */
  readonly residentBytes: number;
}

/**
 * Looks at the processes of a container from outside, by its process namespace: nothing has to be in the image.
 * @param pid its first process on this machine
 */
export async function observeProcesses(pid: number): Promise<ObservedProcesses> {
  const namespace = await readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
  let count = 0;
  let zombies = 0;
  let residentBytes = 0;
  if (namespace === undefined) return { count, zombies, residentBytes };
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    if ((await readlink(`/proc/${name}/ns/pid`).catch(() => undefined)) !== namespace) continue;
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
    if (status === '') continue;
    count++;
    if (/^State:\s+Z/m.test(status)) zombies++;
    residentBytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return { count, zombies, residentBytes };
}
