// Same lock, same bytes: on another Node.js, elsewhere, and without a network.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import { expandInput } from '../src/sources/expand-input.ts';
import { readLock } from '../src/stages/resolve/lock.ts';
import { openLayoutStore } from '../src/store/layout/layout-store.ts';
import { entry } from './support/cli.ts';
import { realWorkspace, smallWorkspace, temporaryFolder } from './support/workspace.ts';

interface Built {
  readonly cells: readonly {
    readonly id: string;
    readonly digest: string;
    readonly platforms: readonly { readonly digest: string }[];
  }[];
}

/** The Node.js binaries of the lock, as programs to run the pipeline with. */
const nodes: string[] = [];
beforeAll(async () => {
  const workspace = await realWorkspace();
  const lock = (await readLock(join(workspace, 'nodeworthy.lock.json'))) ?? expect.fail('no lock');
  const store = await openLayoutStore(join(workspace, '.nodeworthy', 'store'));
  for (const input of lock.inputs.filter((candidate) => candidate.kind === 'node')) {
    const expanded = await expandInput(store, input);
    const found = expanded.entries.find((item) => item.entry.path === 'bin/node') ?? expect.fail('no binary');
    const folder = await temporaryFolder();
    const path = join(folder, 'node');
    execFileSync('sh', [
      '-c',
      `tail -c +${found.offset + 1} "$0" | head -c ${found.entry.sizeBytes} > "$1" && chmod 755 "$1"`,
      expanded.path,
      path,
    ]);
    nodes.push(path);
  }
});

it('gives the same digests under every supported Node.js, and other time zone, umask, locale, workers, folder and user', async () => {
  expect(nodes).toHaveLength(3);
  const surroundings = [
    { env: { TZ: 'UTC', LC_ALL: 'C' }, umask: '022', concurrency: '1' },
    {
      env: { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8', SOURCE_DATE_EPOCH: '1' },
      umask: '077',
      concurrency: '7',
    },
    { env: { TZ: 'America/St_Johns', LANG: 'sv_SE.UTF-8' }, umask: '000', concurrency: '2' },
  ];
  const results: Built[] = [];
  for (const [index, node] of nodes.entries()) {
    const { env, umask, concurrency } = surroundings[index] ?? expect.fail('no surroundings');
    const base = await smallWorkspace((cell) => cell.startsWith('24.'), undefined, 'inputs');
    const workspace = join(await temporaryFolder(), 'x'.repeat(index * 40 + 1));
    await mkdir(workspace);
    await cp(base, workspace, { recursive: true });
    // No network exists in the new namespace, not even a loopback interface that is up.
    const command = `umask ${umask} && exec "$0" "$1" build --json --quiet --concurrency ${concurrency}`;
    const result = await exec('unshare', ['--net', 'sh', '-c', command, node, entry], {
      cwd: workspace,
      env: { PATH: process.env['PATH'], HOME: workspace, ...env },
      maxOutputBytes: 1 << 20,
    });
    expect(result.exitCode, result.stderr + result.stdout).toBe(0);
    results.push(JSON.parse(result.stdout) as Built);
  }
  const [first, ...others] = results.map((result) =>
    result.cells.map((cell) => [cell.id, cell.digest, cell.platforms]),
  );
  expect(first).toHaveLength(2);
  for (const other of others) expect(other).toEqual(first);
});

it('shares the operating system between releases and Node.js between bases, byte for byte', async () => {
  const workspace = await realWorkspace();
  const result = await exec(process.execPath, [entry, 'build', '--json', '--quiet'], {
    cwd: workspace,
    maxOutputBytes: 1 << 20,
  });
  const { cells } = JSON.parse(result.stdout) as Built;
  const layers = new Map<string, string[]>();
  for (const cell of cells) {
    const blob = join(workspace, '.nodeworthy/store/blobs/sha256', String(cell.platforms[0]?.digest).slice(7));
    const manifest = JSON.parse(await readFile(blob, 'utf8')) as { layers: { digest: string }[] };
    layers.set(
      cell.id,
      manifest.layers.map((layer) => layer.digest),
    );
  }
  const column = (at: number, matches: (id: string) => boolean): Set<string | undefined> =>
    new Set([...layers].filter(([id]) => matches(id)).map(([, digests]) => digests[at]));
  expect(layers.size).toBe(6);
  for (const base of ['trixie', 'bookworm']) expect(column(0, (id) => id.includes(base)).size).toBe(1);
  for (const line of ['22.', '24.', '26.']) expect(column(1, (id) => id.startsWith(line)).size).toBe(1);
  expect(column(2, () => true).size).toBe(1);
});

it('answers from memory only for the very same inputs: another package is another image', async () => {
  const cwd = await smallWorkspace((cell) => /^24\..*-trixie/.test(cell), undefined, 'inputs');
  const build = async (): Promise<string | undefined> => {
    const result = await exec(process.execPath, [entry, 'build', '--json', '--quiet'], {
      cwd,
      maxOutputBytes: 1 << 20,
    });
    expect(result.exitCode, result.stderr + result.stdout).toBe(0);
    return (JSON.parse(result.stdout) as Built).cells[0]?.digest;
  };
  const first = await build();
  const path = join(cwd, 'nodeworthy.lock.json');
  const lock = (await readLock(path)) ?? expect.fail('no lock');
  const netbase = new Set(lock.inputs.filter((input) => input.name === 'netbase').map((input) => input.digest));
  expect(netbase.size).toBeGreaterThan(0);
  // All that changes is what the system holds: its name, its time and the cell stay.
  const systems = lock.systems.map((system) => ({
    ...system,
    packages: system.packages.map((group) => group.filter((digest) => !netbase.has(digest))),
  }));
  await writeFile(path, JSON.stringify({ ...lock, systems }));
  expect(await build()).not.toBe(first);
});
