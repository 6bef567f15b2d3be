import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/support/workspace.ts';
import { mergeOverlays } from '../stages/plan/merge-overlays.ts';
import { importInventory } from './import-inventory.ts';
import { loadRecipe } from './load-recipe.ts';

const now = new Date('2026-11-21T12:00:00Z');
let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, 'files'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const certificate = (name: string, ...more: string[]): void =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      ...more,
    );
  certificate('authority', '-days', '40000');
  certificate('ended', '-days', '1');
  certificate('server', '-days', '40000', '-addext', 'basicConstraints=critical,CA:FALSE');
  await writeFile(join(folder, 'nothing.crt'), 'hello\n');
  await writeFile(join(folder, 'broken.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  await writeFile(join(folder, 'files/motd'), 'hello\n');
  await writeFile(join(folder, 'files/npmrc'), 'registry=x\n//host/:_authToken=abc\n');
});

async function load(overlays: string, when = now) {
  const path = join(folder, 'nodeworthy.yaml');
  await writeFile(
    path,
    `name: acme\nnode: { releases: [24] }\nbases:\n  trixie: { debian: trixie }\noverlays:\n${overlays}`,
  );
  return await loadRecipe(path, when);
}

describe('an overlay', () => {
  it('is written out: tuning, proxies, locale and zone become variables', async () => {
    const { overlays } = await load(`
  - name: acme
    environment: { A: b }
    tuning: { threadPoolSize: 8, mallocArenas: 2, semiSpaceMb: 32, heapPercentage: 60 }
    proxies: { https: "http://proxy.acme.example:3128", no: localhost }
    timeZone: Europe/Berlin
    locale: de_DE.UTF-8
    npm: { strict-ssl: true, ignore-scripts: true }
    certificates: [authority.crt]
    files: [{ from: files/motd, to: /etc/motd, mode: "0600", owner: "0:0" }]
    users: [{ name: app, uid: 2000 }]
`);
    expect(overlays[0]).toMatchObject({
      environment: {
        A: 'b',
        LANG: 'de_DE.UTF-8',
        TZ: 'Europe/Berlin',
        UV_THREADPOOL_SIZE: '8',
        MALLOC_ARENA_MAX: '2',
        HTTPS_PROXY: 'http://proxy.acme.example:3128',
        https_proxy: 'http://proxy.acme.example:3128',
        NODE_USE_ENV_PROXY: '1',
      },
      nodeOptions: [],
      semiSpaceMb: 32,
      npm: { 'strict-ssl': 'true', 'ignore-scripts': 'true' },
      certificates: [{ name: 'authority' }],
      files: [{ path: 'etc/motd', mode: 0o600 }],
      users: [{ name: 'app', uid: 2000, gid: 2000 }],
    });
    const digest = overlays[0]?.digest;
    await writeFile(join(folder, 'files/motd'), 'other\n');
    const changed = await load('  - { name: acme, files: [{ from: files/motd, to: /etc/motd }] }\n');
    expect(changed.overlays[0]?.digest).not.toBe(digest);
  });

  it.each<[string, string, RegExp]>([
    [
      'a secret by its name',
      'environment: { DB_PASSWORD: hunter2 }',
      /:7:\d+: environment\.DB_PASSWORD holds a secret/,
    ],
    ['a token by its look', 'environment: { X: npm_abcdefghijklmnopqrstuvwxyz0123456789 }', /:7:\d+: .*token of npm/],
    ['a password in an address', 'proxies: { http: "http://me:secret@proxy.example:1" }', /password in an address/],
    ['credentials of npm', 'npm: { "//host.example/:_authToken": abc }', /:7:\d+: npm\..*_authToken holds a secret/],
    [
      'a file with credentials',
      'files: [{ from: files/npmrc, to: /etc/npmrc }]',
      /:7:\d+: line 2 of files\/npmrc holds credentials of npm/,
    ],
    ['a private key as a certificate', 'certificates: [authority.key]', /holds a private key/],
    ['a certificate that is none', 'certificates: [nothing.crt]', /:7:\d+: nothing\.crt holds no certificate/],
    ['a broken certificate', 'certificates: [broken.crt]', /is no certificate/],
    ['a certificate of a server', 'certificates: [server.crt]', /is no certificate authority/],
    ['a certificate that ended', 'certificates: [ended.crt]', /ended on/],
    ['a file that is not there', 'files: [{ from: files/none, to: /etc/x }]', /files\/none cannot be read: ENOENT/],
    ['a place outside', 'files: [{ from: files/motd, to: /etc/../../x }]', /absolute path/],
    ['a misspelt key', 'enviroment: {}', /unknown key "enviroment"/],
  ])('refuses %s and names the line', async (_, line, message) => {
    const later = new Date('2030-01-01T00:00:00Z');
    await expect(load(`  - name: acme\n    ${line}\n`, later)).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('conflicts with another that says something else of the same, unless they are for other cells', async () => {
    const { overlays } = await load(`
  - { name: one, environment: { A: "1" }, labels: { x: y } }
  - { name: two, environment: { A: "2" }, cells: "*-slim" }
`);
    expect(() => mergeOverlays(overlays, '24.1.0-trixie-slim')).toThrow(
      expect.objectContaining({
        code: 'RECIPE_INVALID',
        message: 'the overlays one and two disagree about environment.A of 24.1.0-trixie-slim',
      }),
    );
    expect(mergeOverlays(overlays, '24.1.0-trixie-runtime')).toMatchObject({
      environment: { A: '1' },
      labels: { x: 'y' },
      sources: { one: overlays[0]?.digest },
    });
  });
});

describe('an inventory of Dante', () => {
  it('becomes a recipe with the same images, tests and aliases', () => {
    const { recipe, notes } = importInventory(
      `images:
  - { name: "acme/node:4.2", path: ./node, test: ./tests/a, alias: ["acme/node:4", "acme/node:latest"] }
  - { name: "acme/node:5.0", path: ./node5, test: [./tests/a, ./tests/b] }
  - { name: "acme/node:6.0", path: ./node6 }
`,
      'inventory.yml',
      'acme',
    );
    expect(recipe).toBe(`# Imported from inventory.yml.
name: acme
images:
  - name: "4.2"
    dockerfile: ./node
    aliases:
      - "4"
      - latest
    tests:
      - dockerfile: ./tests/a
  - name: "5.0"
    dockerfile: ./node5
    tests:
      - dockerfile: ./tests/a
      - dockerfile: ./tests/b
  - name: "6.0"
    dockerfile: ./node6
publish: []
`);
    expect(notes).toEqual([
      'acme/node:4.2 has the tag 4.2',
      'acme/node:5.0 has the tag 5.0',
      'acme/node:6.0 has the tag 6.0',
      'acme/node:6.0 has no test: only that it starts Node.js is checked',
      'published before to acme/node: name the registry in full under publish',
    ]);
  });

  it.each(['images: []', 'images: [{ path: x }]', 'a: [', 'x: 1'])('refuses %s', (text) => {
    expect(() => importInventory(text, 'inventory.yml', 'acme')).toThrow(
      expect.objectContaining({ code: 'RECIPE_INVALID', message: expect.stringContaining('inventory.yml') }),
    );
  });
});
