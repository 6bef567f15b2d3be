// Assembly on real inputs, against the real tools it replaces.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readlink, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../src/core/exec.ts';
import { contentFile, expandInput } from '../src/sources/expand-input.ts';
import { packageCatalogue, runningControlFiles } from '../src/sources/debian/catalogue.ts';
import { computeClosure } from '../src/stages/assemble/closure.ts';
import { openContents } from '../src/trees/content-access.ts';
import { elfFilesOf } from '../src/stages/assemble/elf-files.ts';
import { decideOsLayer } from '../src/stages/assemble/os-layer.ts';
import { tarChunks } from '../src/trees/tar-stream.ts';
import { packagesOf as packagesIn, readLock, type Lock } from '../src/stages/resolve/lock.ts';
import type { DebInput } from '../src/sources/input.ts';
import { openLayoutStore, type LayoutStore } from '../src/store/layout/layout-store.ts';
import { realWorkspace, temporaryFolder } from './support/workspace.ts';

let lock: Lock;
let store: LayoutStore;
beforeAll(async () => {
  const workspace = await realWorkspace();
  store = await openLayoutStore(join(workspace, '.nodeworthy', 'store'));
  lock = (await readLock(join(workspace, 'nodeworthy.lock.json'))) ?? expect.fail('no lock');
});

function packagesOf(base: string): DebInput[] {
  const system = lock.systems.find((candidate) => candidate.id === `${base} runtime linux/amd64`);
  return system ? packagesIn(lock, system).flat() : [];
}

/** The layer's tree, written out by GNU tar. */
async function unpackOsLayer(base: string) {
  const expanded = await Promise.all(packagesOf(base).map((input) => expandInput(store, input)));
  const contents = openContents(expanded.map(contentFile));
  const tree = decideOsLayer({ packages: expanded, architecture: 'amd64', read: contents.read });
  const root = await temporaryFolder();
  const parts: Buffer[] = [];
  for await (const part of tarChunks(tree.entries(), contents.stream)) parts.push(Buffer.from(part));
  await writeFile(join(root, 'layer.tar'), Buffer.concat(parts));
  const target = join(root, 'root');
  await mkdir(target);
  execFileSync('tar', ['--numeric-owner', '-xpf', join(root, 'layer.tar'), '-C', target]);
  return { tree, contents, root: target, expanded };
}

/** A package of the same archive that no image has: it carries the tool to compare with. */
async function fetchTool(base: string, name: string): Promise<string> {
  const suite = base;
  const folder = await temporaryFolder();
  const { findDebianMirrors } = await import('../src/sources/debian/apt-configuration.ts');
  const mirrors = await findDebianMirrors('/etc/apt', {});
  const wanted = packagesOf(base).find((input) => input.name === 'libc6') ?? expect.fail('no libc6');
  const file = wanted.origin.file.replace('libc6_', `${name}_`);
  const url = `${mirrors[wanted.origin.archive]}${file}`;
  const response = await fetch(url);
  expect(response.status, `${url} for ${suite}`).toBe(200);
  await writeFile(join(folder, 'tool.deb'), Buffer.from(await response.arrayBuffer()));
  execFileSync('dpkg-deb', ['-x', join(folder, 'tool.deb'), join(folder, 'tool')]);
  return join(folder, 'tool');
}

describe.each(['trixie', 'bookworm'])('the operating system layer of %s', (base) => {
  let layer: Awaited<ReturnType<typeof unpackOsLayer>>;
  beforeAll(async () => {
    layer = await unpackOsLayer(base);
  });

  it('has the ld.so.cache that the suite’s own ldconfig makes, byte for byte', async () => {
    const ours = await readFile(join(layer.root, 'etc/ld.so.cache'));
    const tool = await fetchTool(base, 'libc-bin');
    const ldconfig = (await readdir(join(tool, 'usr/sbin')).catch(() => [] as string[])).includes('ldconfig')
      ? join(tool, 'usr/sbin/ldconfig')
      : join(tool, 'sbin/ldconfig');
    await rm(join(layer.root, 'etc/ld.so.cache'));
    execFileSync(ldconfig, ['-r', layer.root]);
    const theirs = await readFile(join(layer.root, 'etc/ld.so.cache'));
    await rm(join(layer.root, 'var/cache/ldconfig'), { recursive: true, force: true });
    expect(theirs.equals(ours), `ours ${ours.length} bytes, ldconfig ${theirs.length}`).toBe(true);
  });

  it('has the certificate store that update-ca-certificates makes', async () => {
    const certs = await temporaryFolder();
    const script = layer.expanded.find((item) => item.input.name === 'ca-certificates');
    const entry =
      script?.entries.find((item) => item.entry.path === 'usr/sbin/update-ca-certificates') ?? expect.fail('no script');
    const text = layer.contents.read({
      kind: 'slice',
      input: script?.input.digest as `sha256:${string}`,
      offset: entry.offset,
      sizeBytes: entry.entry.sizeBytes,
    });
    await writeFile(join(certs, 'update'), text);
    await mkdir(join(certs, 'out'));
    await mkdir(join(certs, 'local'));
    const result = await exec('sh', [
      join(certs, 'update'),
      '--certsconf',
      join(layer.root, 'etc/ca-certificates.conf'),
      '--certsdir',
      join(layer.root, 'usr/share/ca-certificates'),
      '--localcertsdir',
      join(certs, 'local'),
      '--etccertsdir',
      join(certs, 'out'),
      '--hooksdir',
      join(certs, 'none'),
    ]);
    expect(result.exitCode, result.stderr).toBe(0);
    const ours = join(layer.root, 'etc/ssl/certs');
    expect(
      (await readFile(join(ours, 'ca-certificates.crt'))).equals(
        await readFile(join(certs, 'out/ca-certificates.crt')),
      ),
    ).toBe(true);
    const links = async (folder: string): Promise<Record<string, string>> =>
      Object.fromEntries(
        await Promise.all(
          (await readdir(folder))
            .filter((name) => name !== 'ca-certificates.crt')
            .sort()
            .map(async (name) => [name, (await readlink(join(folder, name))).replace(layer.root, '')]),
        ),
      );
    expect(await links(ours)).toEqual(await links(join(certs, 'out')));
  });

  it('is merged, closed, and holds nothing of an installed system', async () => {
    for (const name of ['bin', 'sbin', 'lib', 'lib64'])
      expect(await readlink(join(layer.root, name))).toBe(`usr/${name}`);
    for (const { path, node } of layer.tree.entries()) {
      expect(node.mode & 0o6000, path).toBe(0);
      expect(path).not.toMatch(/^(?:bin|sbin|lib|lib64)\/|(?:^|\/)machine-id$|\.dpkg-|^var\/log\/.|^var\/cache\/./);
    }
    const files = elfFilesOf(layer.tree, layer.contents, {
      ownerOf: (digest) => lock.inputs.find((input) => input.digest === digest)?.name ?? '',
    });
    const tini = files.filter((file) => file.path === 'usr/bin/tini');
    expect(computeClosure(tini, files).loaded).toEqual(['libc6']);
    expect(() => computeClosure([{ ...tini[0]!, elf: { ...tini[0]!.elf, needed: ['libssl.so.9'] } }], files)).toThrow(
      expect.objectContaining({
        code: 'DEPENDENCY_UNSATISFIED',
        message: '/usr/bin/tini needs libssl.so.9, which no package of the image has',
      }),
    );
  });

  it('keeps a stanza, checksums of what is there, and the copyright of each package', async () => {
    for (const input of packagesOf(base)) {
      const status = join(layer.root, 'var/lib/dpkg/status.d', input.name);
      expect(await readFile(status, 'utf8')).toMatch(
        new RegExp(`^Package: ${input.name.replaceAll('+', '\\+')}$`, 'm'),
      );
      const result = await exec('md5sum', ['--quiet', '--strict', '-c', `${status}.md5sums`], { cwd: layer.root });
      if ((await readFile(`${status}.md5sums`, 'utf8')) !== '') expect(result.stderr + result.stdout).toBe('');
      expect(await readFile(join(layer.root, 'usr/share/doc', input.name, 'copyright'), 'utf8')).not.toBe('');
    }
  });

  it('skips no script that the catalogue does not explain, and the catalogue names none in vain', () => {
    for (const item of layer.expanded) {
      const scripts = runningControlFiles.filter((name) => item.control[name] !== undefined);
      const known = packageCatalogue[item.input.name]?.scripts ?? [];
      for (const script of scripts) expect(known, item.input.name).toContain(script);
    }
  });
});

it('every entry of the catalogue is about a package of the images', () => {
  const names = new Set(['trixie', 'bookworm'].flatMap((base) => packagesOf(base).map((input) => input.name)));
  expect(Object.keys(packageCatalogue).filter((name) => !names.has(name) && name !== 'libcrypt1')).toEqual([]);
});
