import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../../../tests/support/http-server.ts';
import { temporaryFolder, testContext } from '../../../tests/support/workspace.ts';
import { createSourcePorts } from '../../stages/resolve/source-ports.ts';
import { openLayoutStore } from '../../store/layout/layout-store.ts';
import { findDebianMirrors, readAptEntries } from './apt-configuration.ts';
import { openDebianSource } from './debian-source.ts';
import { createPackageIndex, type IndexedPackage } from './package-index.ts';
import { resolveDependencies } from './resolve-dependencies.ts';
import { reviewScripts, verbsIn } from './review-scripts.ts';

describe('apt configuration', () => {
  async function aptFolder(files: Record<string, string>): Promise<string> {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'sources.list.d'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return folder;
  }

  it('reads both formats, and finds the archives and their keys', async () => {
    const folder = await aptFolder({
      'key.asc': 'KEY',
      'sources.list':
        '# deb http://old.test/debian x main\ndeb [arch=amd64 signed-by=/k.gpg] http://vendor.test/debian stable contrib\n',
    });
    await writeFile(
      join(folder, 'sources.list.d', 'debian.sources'),
      `Types: deb\nURIs: http://mirror.test/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: ${folder}/key.asc\n\nTypes: deb\nURIs: http://security.test/debian-security/\nSuites: trixie-security\nComponents: main\nSigned-By: ${folder}/key.asc\n\nTypes: deb\nEnabled: no\nURIs: http://off.test/\nSuites: trixie\nComponents: main\n`,
    );
    expect(await readAptEntries(folder)).toHaveLength(3);
    const mirrors = await findDebianMirrors(folder, {});
    expect(mirrors).toMatchObject({
      main: 'http://mirror.test/debian/',
      security: 'http://security.test/debian-security/',
    });
    expect(mirrors.keyring.map((key) => Buffer.from(key).toString())).toEqual(['KEY']);
    expect((await findDebianMirrors(folder, { mirror: 'https://own.test/d' })).main).toBe('https://own.test/d/');
  });

  it('says what to do when nothing is configured', async () => {
    await expect(findDebianMirrors(await aptFolder({}), {})).rejects.toMatchObject({
      code: 'SOURCE_UNCONFIGURED',
      hint: expect.stringContaining('mirror:'),
    });
  });
});

const indexed = (name: string, version: string, more: Partial<IndexedPackage> = {}): IndexedPackage => ({
  name,
  version,
  architecture: 'amd64',
  archive: 'main',
  suite: 's',
  file: 'f',
  isRequired: false,
  sizeBytes: 1,
  sha256: 'x',
  ...more,
});

describe('resolveDependencies', () => {
  const policy = { isSkipped: (owner: string, dependency: string) => owner === 'certs' && dependency === 'openssl' };
  const resolve = (wanted: string[], packages: IndexedPackage[]): string[] =>
    resolveDependencies(wanted, createPackageIndex(packages), policy).map((entry) => `${entry.name} ${entry.version}`);

  it('takes the best version of all suites, and what it needs', () => {
    expect(
      resolve(
        ['a'],
        [
          indexed('a', '1.0-1', { depends: 'b (>= 2)' }),
          indexed('a', '1.0-1+deb13u1', { depends: 'b (>= 2)', archive: 'security' }),
          indexed('b', '2'),
          indexed('b', '1'),
        ],
      ),
    ).toEqual(['a 1.0-1+deb13u1', 'b 2']);
  });

  it('takes the first alternative that can be had, or one that is there already', () => {
    const packages = [
      indexed('a', '1', { depends: 'x | y' }),
      indexed('c', '1', { depends: 'z | y' }),
      indexed('y', '1'),
      indexed('z', '1'),
    ];
    expect(resolve(['a', 'c'], packages)).toEqual(['a 1', 'c 1', 'y 1']);
  });

  it('knows provides: with a version only where one is provided', () => {
    const packages = [
      indexed('a', '1', { depends: 'virtual' }),
      indexed('b', '1', { depends: 'lib (>= 2)' }),
      indexed('p', '9', { provides: 'virtual, lib (= 2.1)' }),
    ];
    expect(resolve(['a', 'b'], packages)).toEqual(['a 1', 'b 1', 'p 9']);
    expect(() =>
      resolve(['q'], [indexed('q', '1', { depends: 'virtual (>= 1)' }), indexed('p', '9', { provides: 'virtual' })]),
    ).toThrow(/q needs virtual \(>= 1\)/);
  });

  it('leaves out what only a skipped script would use', () => {
    expect(resolve(['certs'], [indexed('certs', '1', { depends: 'openssl (>= 1)' })])).toEqual(['certs 1']);
  });

  it('names who needs what cannot be had', () => {
    expect(() => resolve(['a'], [indexed('a', '1', { preDepends: 'libc6 (>= 9)' }), indexed('libc6', '2')])).toThrow(
      expect.objectContaining({
        code: 'DEPENDENCY_UNSATISFIED',
        message: 'a needs libc6 (>= 9), which the archive does not have',
      }),
    );
  });
});

describe('reviewScripts', () => {
  const catalogue = { demo: { scripts: ['postinst'], would: 'x', effects: [{ verb: 'ldconfig', instead: 'a rule' }] } };

  it('accepts what the catalogue explains, and files that hold only comments', () => {
    reviewScripts(
      'demo',
      '1',
      new Map([
        ['postinst', '#!/bin/sh\nldconfig # not useradd\n'],
        ['triggers', '# nothing\n'],
      ]),
      catalogue,
    );
  });

  it.each([
    ['unknown', new Map([['postinst', 'true']]), 'unknown 1 has a postinst that nobody reviewed'],
    ['demo', new Map([['preinst', 'true']]), 'demo 1 has a preinst that nobody reviewed'],
    [
      'demo',
      new Map([['postinst', 'set -e\nuseradd x\n']]),
      'demo 1: its postinst uses useradd, which the catalogue does not explain',
    ],
  ])('refuses %s', (name, control, message) => {
    expect(() => reviewScripts(name, '1', control, catalogue)).toThrow(
      expect.objectContaining({ code: 'PACKAGE_UNREVIEWED', message }),
    );
  });

  it('finds commands, not words in comments or in other words', () => {
    expect(verbsIn('# ldconfig\nif x; then /sbin/ldconfig; fi\nalink=1; cat > /etc/x\n')).toEqual([
      'ldconfig',
      'cat >',
    ]);
  });
});

/** A small archive, made with Debian's own tools and signed with a key of its own. */
describe('a Debian archive', () => {
  let archive: string;
  let keyring: string;
  let sign: (text: string) => Promise<string>;

  beforeAll(async () => {
    archive = await temporaryFolder();
    keyring = join(archive, 'archive.asc');
    const { privateKey, publicKey } = await openpgp.generateKey({
      userIDs: [{ name: 'archive' }],
      format: 'object',
      date: new Date(Date.now() - 60_000),
    });
    sign = async (text) =>
      await openpgp.sign({
        message: await openpgp.createCleartextMessage({ text }),
        signingKeys: privateKey,
        date: new Date(Date.now() - 30_000),
      });
    await writeFile(keyring, publicKey.armor());
    await mkdir(join(archive, 'pool'));
    const packages: string[] = [];
    for (const [name, depends] of [
      ['demo', 'helper'],
      ['helper', ''],
    ] as const) {
      const root = join(archive, 'build', name);
      await mkdir(join(root, 'DEBIAN'), { recursive: true });
      const control = `Package: ${name}\nVersion: 1:1.0~rc1-1+b2\nArchitecture: amd64\nMaintainer: a <a@b>\n${depends ? `Depends: ${depends}\n` : ''}Description: d\n`;
      await writeFile(join(root, 'DEBIAN', 'control'), control);
      execFileSync('dpkg-deb', ['--root-owner-group', '-b', root, join(archive, 'pool', `${name}.deb`)]);
      const bytes = await readFile(join(archive, 'pool', `${name}.deb`));
      packages.push(
        `${control.trim()}\nSource: src-${name} (1:1.0~rc1-1)\nFilename: pool/${name}.deb\nSize: ${bytes.length}\nSHA256: ${createHash('sha256').update(bytes).digest('hex')}\n`,
      );
    }
    await rm(join(archive, 'build'), { recursive: true });
    await writeSuite('trixie', packages.join('\n'));
    await writeSuite('trixie-updates', '');
    await writeSuite('trixie-security', '');
  });

  async function writeSuite(suite: string, packages: string, extra = ''): Promise<void> {
    const list = execFileSync('xz', ['-c'], { input: packages });
    const hex = createHash('sha256').update(list).digest('hex');
    const folder = join(archive, 'dists', suite, 'main', 'binary-amd64', 'by-hash', 'SHA256');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, hex), list);
    const release = `Origin: Test\nSuite: ${suite}\nCodename: ${suite}\n${extra}SHA256:\n ${hex} ${list.length} main/binary-amd64/Packages.xz\n`;
    await writeFile(join(archive, 'dists', suite, 'InRelease'), await sign(release));
  }

  async function acquire(change?: (path: string, bytes: Buffer) => Buffer) {
    const server = await serve(async (request, response) => {
      const path = new URL(request.url ?? '', 'http://x').pathname;
      const bytes = await readFile(join(archive, path)).catch(() => undefined);
      if (!bytes) return response.writeHead(404).end();
      return response.end(change ? change(path, bytes) : bytes);
    });
    const folder = await temporaryFolder();
    const store = await openLayoutStore(join(folder, 'store'));
    const loaded = { folder, path: '', recipe: {} as never, overlays: [] };
    const { ports, close } = createSourcePorts(store, loaded, testContext());
    try {
      const source = await openDebianSource(
        ports,
        { debian: 'trixie', mirror: server.url, securityMirror: server.url, keyring },
        { aptFolder: folder },
      );
      const inputs = await source.acquire({
        suite: 'trixie',
        pockets: ['', '-updates', '-security'],
        architecture: 'amd64',
        packages: ['demo'],
      });
      for (const input of inputs) expect(await store.hasBlob(input.digest, input.size)).toBe(true);
      return inputs;
    } finally {
      await close();
    }
  }

  it('gives the packages and what they need, proven and stored', async () => {
    const inputs = await acquire();
    expect(inputs.map((input) => [input.name, input.version, input.sourceName, input.sourceVersion])).toEqual([
      ['demo', '1:1.0~rc1-1+b2', 'src-demo', '1:1.0~rc1-1'],
      ['helper', '1:1.0~rc1-1+b2', 'src-helper', '1:1.0~rc1-1'],
    ]);
  });

  it('is refused when its index was changed after it was signed', async () => {
    await expect(
      acquire((path, bytes) =>
        path.endsWith('InRelease') ? Buffer.from(bytes.toString().replace('Origin: Test', 'Origin: Evil')) : bytes,
      ),
    ).rejects.toMatchObject({ code: 'SIGNATURE' });
  });

  it('is refused when the package list is another one', async () => {
    await expect(
      acquire((path, bytes) =>
        path.includes('by-hash') ? Buffer.concat([bytes.subarray(0, -1), Buffer.from([0])]) : bytes,
      ),
    ).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('is refused when a package is truncated', async () => {
    await expect(
      acquire((path, bytes) => (path.endsWith('.deb') ? bytes.subarray(0, bytes.length - 10) : bytes)),
    ).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('is refused when its index is older than it may be', async () => {
    await writeSuite('trixie-updates', '', 'Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC\n');
    try {
      await expect(acquire()).rejects.toMatchObject({
        code: 'SIGNATURE',
        message: expect.stringContaining('was valid until'),
      });
    } finally {
      await writeSuite('trixie-updates', '');
    }
  });
});
