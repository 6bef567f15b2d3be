import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';

/**
 * A hierarchy of cgroup v2 made of files, in a mount namespace of its own: libuv reads `/proc/self/cgroup`, then
 * `memory.max` and `memory.high` below `/sys/fs/cgroup`. A machine need not have cgroup v2 for it.
 */
const script = `
mount -t tmpfs none /sys/fs/cgroup
mkdir /sys/fs/cgroup/box
touch /sys/fs/cgroup/cgroup.controllers
echo 536870912 > /sys/fs/cgroup/box/memory.max
echo max > /sys/fs/cgroup/box/memory.high
echo max > /sys/fs/cgroup/memory.max
echo '0::/box' > /sys/fs/cgroup/own
mount --bind /sys/fs/cgroup/own /proc/$$/cgroup
exec "$0" -e 'console.log(process.version + " " + require("v8").getHeapStatistics().heap_size_limit)'
`;
/** The heap of a machine of any size that has no limit is larger. */
const limitBytes = 536_870_912;

/**
 * Asks each Node.js that a workspace has unpacked whether its heap follows a memory limit of cgroup v2.
 * @returns answers by version, like `18.20.8`; none for a release without heap statistics
 */
export async function askCgroupV2(workspace: string): Promise<Map<string, boolean>> {
  const unpacked = join(workspace, '.nodeworthy/store/.nodeworthy/unpacked');
  const answers = new Map<string, boolean>();
  for (const layer of readdirSync(unpacked)) {
    const node = join(unpacked, layer, 'usr/local/bin/node');
    if (!existsSync(node)) continue;
    const args = ['--mount', '--propagation', 'private', 'sh', '-euc', script, node];
    const { stdout } = await exec('unshare', args, { env: { PATH: process.env['PATH'] } });
    const told = /^v(\S+) (\d+)$/m.exec(stdout);
    if (told) answers.set(String(told[1]), Number(told[2]) < limitBytes);
  }
  return answers;
}
