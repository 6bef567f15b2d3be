// Squash of images that others made, with umoci as the judge: the file system stays what it was.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRegistry, type Daemon } from './support/daemons.ts';
import { command, run } from './support/matrix.ts';
import { temporaryFolder } from './support/workspace.ts';

let registry: Daemon;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => await registry.stop());

/** Three layers with all that layers can do, written by GNU tar: umoci and our reader see what other tools make. */
async function foreignImage(): Promise<string> {
  const folder = await temporaryFolder();
  const layers = [
    `mkdir -p etc usr/lib opt/old/deep dev gone; ln -s usr/lib lib; echo one > etc/one; echo two > usr/lib/two; ln usr/lib/two usr/lib/three
     echo x > opt/old/deep/x; echo y > gone/y; mknod dev/null c 1 3; mkfifo dev/pipe; chmod 4755 etc/one; chown 12:34 usr/lib/two; echo r > replaced; mkdir becomes; echo z > becomes/z
     touch -d 2001-02-03 etc/one`,
    `mkdir -p opt/old lib; touch opt/old/.wh..wh..opq .wh.gone; echo new > opt/old/new; rm -r lib; mkdir lib; rmdir lib; mkdir replaced; echo in > replaced/in; echo file > becomes`,
    `mkdir -p etc usr/lib; touch etc/.wh.one; echo four > usr/lib/four; ln usr/lib/four usr/lib/five`,
  ];
  const layout = join(folder, 'layout');
  await run('umoci', ['init', '--layout', layout]);
  await run('umoci', ['new', '--image', `${layout}:image`]);
  for (const [at, script] of layers.entries()) {
    const root = join(folder, `root${at}`);
    await mkdir(root);
    await run('sh', [
      '-ec',
      `cd "$0" && ${script}\ntar --numeric-owner --sort=name -cf "$1" -C "$0" .`,
      root,
      `${root}.tar`,
    ]);
    await run('umoci', ['raw', 'add-layer', '--image', `${layout}:image`, `${root}.tar`]);
  }
  await run('umoci', [
    'config',
    '--image',
    `${layout}:image`,
    '--config.env',
    'A=b',
    '--config.user',
    '12:34',
    '--config.cmd',
    '/x',
  ]);
  const reference = `${registry.address}/clients/foreign:1`;
  await run('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}:image`, `docker://${reference}`]);
  return reference;
}

/** Every path with its kind, mode, owner, time, size, link and number of links, and the contents. */
async function describe(layout: string): Promise<string> {
  const target = join(await temporaryFolder(), 'bundle');
  await run('umoci', ['unpack', '--image', layout, target]);
  const list =
    'cd "$0/rootfs" && find . -mindepth 1 -printf "%p %y %m %U:%G %s %l %n" \\( -type c -printf " device" -o -true \\) -printf "\\n" | sed -E "s/^(\\S+ d \\S+ \\S+) [0-9]+ (.*) [0-9]+$/\\1/" | sort';
  const files = await run('sh', ['-ec', list, target]);
  const sums = await run('sh', [
    '-ec',
    'cd "$0/rootfs" && find . -type f -print0 | sort -z | xargs -0 sha256sum',
    target,
  ]);
  const times = await run('sh', ['-ec', 'cd "$0/rootfs" && find . -type f -printf "%p %Ts\\n" | sort', target]);
  return `${files}\n${sums}\n${times}`;
}

it('loses nothing but the history, and says what it saved', async () => {
  const reference = await foreignImage();
  const cwd = await temporaryFolder();
  const store = join(cwd, 'store');
  const squashed = JSON.parse(
    (
      await command(cwd, [
        'squash',
        reference,
        '--store',
        store,
        '--tag',
        'one',
        '--to',
        `${registry.address}/clients/foreign:squashed`,
        '--json',
      ])
    ).stdout,
  ) as {
    original: string;
    digest: string;
    platforms: { layersBefore: number; layersAfter: number; wastedBytes: number }[];
  };
  expect(squashed.platforms).toMatchObject([{ layersBefore: 3, layersAfter: 1 }]);
  expect(squashed.platforms[0]?.wastedBytes).toBeGreaterThan(0);
  const folder = await temporaryFolder();
  await run('skopeo', ['copy', '--quiet', '--src-tls-verify=false', `docker://${reference}`, `oci:${folder}/before:x`]);
  await run('skopeo', [
    'copy',
    '--quiet',
    '--src-tls-verify=false',
    `docker://${registry.address}/clients/foreign:squashed`,
    `oci:${folder}/after:x`,
  ]);
  const before = await describe(`${folder}/before:x`);
  expect(before).toContain('./opt/old/new');
  expect(before).not.toContain('./gone');
  expect(await describe(`${folder}/after:x`)).toBe(before);
  const inspect = async (name: string) => {
    const { config, architecture } = JSON.parse(
      await run('skopeo', ['inspect', '--config', `oci:${folder}/${name}:x`]),
    ) as Record<string, unknown>;
    return { config, architecture };
  };
  expect(await inspect('after')).toEqual(await inspect('before'));

  // Two layers: the lowest stays as it is.
  const two = JSON.parse(
    (await command(cwd, ['squash', squashed.original, '--store', store, '--layers', '2', '--tag', 'two', '--json']))
      .stdout,
  ) as typeof squashed;
  expect(two.platforms).toMatchObject([{ layersBefore: 3, layersAfter: 2 }]);
  await run('skopeo', ['copy', '--quiet', `oci:${store}:two`, `oci:${folder}/two:x`]);
  expect(await describe(`${folder}/two:x`)).toBe(before);
});

it('is refused for what is not there, or makes no sense', async () => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'x'), '');
  expect((await command(cwd, ['squash'], 2)).stderr).toContain('name an image');
  expect((await command(cwd, ['squash', 'nothing'], 9)).stderr).toContain('has no image nothing');
  expect((await command(cwd, ['squash', `${registry.address}/clients/none:1`], 9)).stderr).toContain('has no image 1');
  expect((await command(cwd, ['squash', 'x', '--layers', '0'], 2)).stderr).toContain('1 to 127');
  expect((await command(cwd, ['squash', 'a', 'b'], 2)).stderr).toContain('one word too many');
});
