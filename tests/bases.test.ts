// Images of other operating systems as bases: made for the purpose, pushed to a local registry, glibc and musl.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { glibcRoot, muslRoot, pushBase } from './support/base-images.ts';
import { startRegistry, type Daemon } from './support/daemons.ts';
import { serve } from './support/http-server.ts';
import { cells, command, readJson, workspaceWith } from './support/matrix.ts';
import { legacyPolicy } from './support/releases.ts';
import { temporaryFolder } from './support/workspace.ts';

let registry: Daemon;
const at = (name: string): string => `${registry.address}/clients/${name}`;
beforeAll(async () => {
  registry = await startRegistry();
  await pushBase(at('glibc:9'), [glibcRoot(), { 'etc/extra': 'x\n', 'opt/tool': 'tool\n' }], ['/opt/tool']);
  await pushBase(at('musl:3'), [muslRoot()]);
  await pushBase(at('empty:1'), [{ 'etc/os-release': 'ID=nothing\n' }]);
  const { 'lib/x86_64-linux-gnu/libstdc++.so.6': _, ...poor } = glibcRoot();
  await pushBase(at('poor:1'), [poor]);
  const old = (await readFile('/usr/lib/x86_64-linux-gnu/libc.so.6')).toString('latin1');
  const folder = await temporaryFolder();
  await writeFile(
    join(folder, 'libc.so.6'),
    Buffer.from(old.replace(/(GNU C Library .*? version )\d\.\d\d/, '$12.17'), 'latin1'),
  );
  await pushBase(at('old:7'), [
    { ...glibcRoot(), 'lib/x86_64-linux-gnu/libc.so.6': { copy: join(folder, 'libc.so.6') } },
  ]);
});
afterAll(async () => await registry.stop());

const recipe = (bases: string, more = ''): string => `name: acme\nnode: { releases: [24] }\nbases:\n${bases}\n${more}`;

describe('an image as a base', () => {
  it('is pulled by digest, gets Node.js on top, passes its tests, and keeps its own layers as they are', async () => {
    const cwd = await workspaceWith(recipe(`  acme9: { image: "${at('glibc:9')}" }`, 'variants: [runtime, slim]\n'));
    await command(cwd, ['lock']);
    const lock = JSON.parse(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')) as {
      systems: { image: Record<string, unknown> }[];
    };
    expect(lock.systems).toHaveLength(1);
    expect(lock.systems[0]?.image).toMatchObject({
      libc: 'glibc',
      os: 'acme-linux',
      osVersion: '9.1',
      hasShell: true,
      init: [],
    });
    expect(JSON.stringify(lock)).not.toContain(registry.address);
    const built = await cells(cwd, ['run']);
    expect(built.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['published', undefined],
      ['published', undefined],
    ]);
    const platform = built[0]?.platforms[0];
    const base = (await (
      await fetch(`http://${registry.address}/v2/clients/glibc/manifests/9`, {
        headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      })
    ).json()) as { layers: { digest: string }[] };
    const manifest = await readJson(cwd, String(platform?.digest));
    expect(manifest.layers.slice(0, base.layers.length).map(({ digest }) => digest)).toEqual(
      base.layers.map(({ digest }) => digest),
    );
    const config = await readJson<{ config: { Env: string[]; User: string; Entrypoint: string[] } }>(
      cwd,
      manifest.config.digest,
    );
    expect(config.config).toMatchObject({ User: '1000:1000' });
    expect(config.config.Env).toEqual(
      expect.arrayContaining([
        'CLIENT=acme',
        'NODE_USE_SYSTEM_CA=1',
        'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
      ]),
    );
  });

  it('passes its tests with the strictest hardening, in runtime and slim', async () => {
    const base = recipe(`  acme9: { image: "${at('glibc:9')}" }`, 'variants: [runtime, slim]\nhardening: strict\n');
    // An old release could only read authorities of the system in place of its own, and this base has none.
    const wanted = base.replace('[24]', '[24, "12.22.12"], endOfLife: { reason: old lines are tried }');
    const cwd = await workspaceWith(`${wanted}${legacyPolicy(['12.22.12'])}`);
    await command(cwd, ['lock']);
    expect((await cells(cwd, ['run'])).map(({ outcome, reason }) => [outcome, reason])).toEqual(
      Array.from({ length: 4 }, () => ['published', undefined]),
    );
  });

  it('is where Node.js is asked what it can do, also when nobody may write to its /tmp', async () => {
    const asked = recipe(`  acme9: { image: "${at('glibc:9')}" }`).replace('[24] }', '[24], probe: always }');
    const cwd = await workspaceWith(asked);
    await command(cwd, ['lock']);
    const { probed } = JSON.parse(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')) as {
      probed: { capabilities: string[] }[];
    };
    expect(probed).toMatchObject([{ capabilities: expect.arrayContaining(['es-modules', 'heap-percentage']) }]);
  });

  it('whose tag moved since the lock is reported, and not followed', async () => {
    await pushBase(at('moving:1'), [glibcRoot()]);
    const cwd = await workspaceWith(recipe(`  acme9: { image: "${at('moving:1')}" }`));
    await command(cwd, ['lock']);
    const before = await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8');
    await pushBase(at('moving:1'), [{ ...glibcRoot(), 'etc/new': 'x' }]);
    const again = await import('./support/cli.ts').then(({ runCli }) => runCli(['lock'], { cwd }));
    expect(again.stderr).toMatch(/bases\.acme9: \S+moving:1 is sha256:\w+ now; the lock stays at sha256:\w+/);
    expect(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')).toBe(before);
    await command(cwd, ['lock', '--update']);
    expect(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')).not.toBe(before);
  });

  it('that is named anew is another base, whatever its tag is', async () => {
    const tag = await workspaceWith(recipe(`  acme9: { image: "${at('glibc:9')}" }`));
    await command(tag, ['lock']);
    const digestIn = async (): Promise<unknown> =>
      (
        JSON.parse(await readFile(join(tag, 'nodeworthy.lock.json'), 'utf8')) as {
          systems: { image: { digest: string } }[];
        }
      ).systems[0]?.image.digest;
    const before = await digestIn();
    await pushBase(at('other:9'), [{ ...glibcRoot(), 'etc/other': 'x' }]);
    await writeFile(join(tag, 'nodeworthy.yaml'), recipe(`  acme9: { image: "${at('other:9')}" }`));
    await command(tag, ['lock']);
    expect(await digestIn()).not.toBe(before);
  });

  it('that cannot carry Node.js is refused with the reason, and the others are published', async () => {
    const bases = ['empty:1', 'poor:1', 'old:7', 'none:1'].map(
      (name) => `  ${name.split(':')[0]}: { image: "${at(name)}" }`,
    );
    const cwd = await workspaceWith(recipe([`  good: { image: "${at('glibc:9')}" }`, ...bases].join('\n')));
    await command(cwd, ['lock'], 4);
    const results = await cells(cwd, ['run'], 4);
    const outcomes = Object.fromEntries(
      results.map(({ id, outcome, reason }) => [id.split('-')[1], [outcome, reason]]),
    );
    expect(outcomes).toEqual({
      good: ['published', undefined],
      empty: ['error', 'bases.empty: the image has no known C library'],
      poor: [
        'error',
        expect.stringMatching(/^bases\.poor: Node\.js 24\.\S+ needs libstdc\+\+\.so\.6, which the image lacks$/),
      ],
      old: [
        'error',
        expect.stringMatching(/^bases\.old: Node\.js 24\.\S+ needs glibc 2\.\d+, and the image has 2\.17$/),
      ],
      none: ['error', expect.stringMatching(/clients\/none has no image 1$/)],
    });
  });

  it('of musl gets the binary that is made for musl', async () => {
    const dist = await distribution();
    const source = `  source: { nodejs-dist: { url: "${dist.url}", keyring: "${dist.keyring}", fingerprints: ["${dist.fingerprint}"] } }`;
    const cwd = await workspaceWith(
      `name: acme\nnode:\n  releases: [24]\n${source}\nbases:\n  alpine: { image: "${at('musl:3')}" }\n  acme9: { image: "${at('glibc:9')}" }\n`,
    );
    await command(cwd, ['lock']);
    const lock = JSON.parse(await readFile(join(cwd, 'nodeworthy.lock.json'), 'utf8')) as {
      inputs: { kind: string; libc?: string; digest: string; origin: { file?: string } }[];
      systems: { id: string; image: { libc: string; libcVersion: string } }[];
      cells: { id: string; platforms: { node: string }[] }[];
    };
    expect(lock.systems.map(({ id, image }) => [id, image.libc])).toEqual([
      ['alpine image linux/amd64', 'musl'],
      ['acme9 image linux/amd64', 'glibc'],
    ]);
    expect(lock.systems[0]?.image.libcVersion).toMatch(/^1\.\d+\.\d+$/);
    const nodeOf = (base: string): string | undefined => {
      const cell = lock.cells.find(({ id }) => id.includes(base));
      return lock.inputs.find(({ digest }) => digest === cell?.platforms[0]?.node)?.origin.file;
    };
    expect(nodeOf('alpine')).toBe('v24.21.0/node-v24.21.0-linux-x64-musl.tar.gz');
    expect(nodeOf('acme9')).toBe('v24.21.0/node-v24.21.0-linux-x64.tar.gz');
    expect((await cells(cwd, ['build'])).map(({ outcome }) => outcome)).toEqual(['built', 'built']);
  });

  it('of musl is refused where the source has no binary for it', async () => {
    const cwd = await workspaceWith(recipe(`  alpine: { image: "${at('musl:3')}" }`));
    const { stderr } = await command(cwd, ['lock'], 2);
    expect(stderr).toContain('has no Node.js for musl');
    expect(stderr).toContain('nodejs-dist');
  });
});

/** A distribution with a build for each C library. Its binaries stand for Node.js: no musl build of it can be had here. */
async function distribution() {
  const folder = await temporaryFolder();
  const files = new Map<string, Buffer>();
  for (const [name, program] of [
    ['linux-x64', '/bin/dash'],
    ['linux-x64-musl', '/lib/ld-musl-x86_64.so.1'],
  ] as const) {
    const root = join(folder, name);
    await mkdir(join(root, `node-v24.21.0-${name}/bin`), { recursive: true });
    await cp(program, join(root, `node-v24.21.0-${name}/bin/node`), { dereference: true });
    await writeFile(join(root, `node-v24.21.0-${name}/LICENSE`), 'Node.js is licensed\n');
    const archive = join(folder, `${name}.tar.gz`);
    execFileSync('tar', ['-czf', archive, '-C', root, '.'.concat(`/node-v24.21.0-${name}`)]);
    files.set(`/dist/v24.21.0/node-v24.21.0-${name}.tar.gz`, await readFile(archive));
  }
  const { privateKey, publicKey } = await openpgp.generateKey({
    userIDs: [{ name: 'releaser' }],
    format: 'object',
    date: new Date(Date.now() - 60_000),
  });
  const text = [...files]
    .map(
      ([path, bytes]) =>
        `${createHash('sha256').update(bytes).digest('hex')}  ${path.slice(path.lastIndexOf('/') + 1)}\n`,
    )
    .join('');
  const signed = await openpgp.sign({
    message: await openpgp.createCleartextMessage({ text }),
    signingKeys: privateKey,
    date: new Date(Date.now() - 30_000),
  });
  await writeFile(join(folder, 'keys.asc'), publicKey.armor());
  const server = await serve((request, response) => {
    if (request.url === '/dist/index.json')
      return response.end(
        JSON.stringify([{ version: 'v24.21.0', date: '2026-09-09', files: ['linux-x64', 'linux-x64-musl'] }]),
      );
    if (request.url === '/dist/v24.21.0/SHASUMS256.txt.asc') return response.end(signed);
    const found = files.get(request.url ?? '');
    return found ? response.end(found) : response.writeHead(404).end();
  });
  return { url: `${server.url}dist`, keyring: join(folder, 'keys.asc'), fingerprint: publicKey.getFingerprint() };
}
