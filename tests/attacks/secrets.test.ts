// Secrets that a run is given, and everything that it leaves or sends: none of them is in it, in any spelling.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { certifiedWorkspace, keyEnvironment, passphrase } from '../support/certified.ts';
import { serve } from '../support/http-server.ts';
import { startSimulator } from '../support/registry-simulator.ts';

/** By where it is planted. */
const secrets = {
  environment: 'Zq7-environment-secret-1',
  cloud: 'Zq7-cloud-secret-2',
  npm: 'Zq7-npm-token-3',
  feed: 'Zq7-feed-password-4',
  query: 'Zq7-feed-query-5',
  registry: 'Zq7-registry-password-6',
  file: 'Zq7-file-beside-the-recipe-7',
  home: 'Zq7-file-at-home-8',
  passphrase,
} as const;

interface Told {
  readonly where: string;
  readonly bytes: Buffer;
}

const told: Told[] = [];
let outcome: string | undefined;
let privateKeys: string[] = [];

/** As it is, and as others would write it. */
function spellings(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  // In base64 what surrounds it decides how it is spelt: each of the three ways is looked for, without its ends.
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString('hex'),
    JSON.stringify(secret).slice(1, -1),
    ...shifted,
  ].map((text) => Buffer.from(text));
}

function unpacked(bytes: Buffer): Buffer {
  try {
    if (bytes.readUInt16BE(0) === 0x1f8b) return gunzipSync(bytes);
    return bytes.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(bytes) : bytes;
  } catch {
    // Parts of files begin like whole ones.
    return bytes;
  }
}

async function tellFolder(folder: string, leftOut: RegExp): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || leftOut.test(path)) continue;
    const bytes = await readFile(path);
    told.push({ where: path, bytes });
    if (bytes.length > 4) told.push({ where: `${path}, unpacked`, bytes: unpacked(bytes) });
  }
}

beforeAll(async () => {
  const affected = {
    package: { name: 'nothing-here', ecosystem: 'Debian:13' },
    ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }] }],
  };
  const feed = JSON.stringify([{ id: 'CVE-0', modified: new Date().toISOString(), affected: [affected] }]);
  const feeds = await serve((request, response) => {
    const login = Buffer.from(`reader:${secrets.feed}`).toString('base64');
    if (request.headers.authorization !== `Basic ${login}`) return response.writeHead(401).end();
    return response.end(feed);
  });
  const registry = await startSimulator({ token: { user: 'pusher', password: secrets.registry } });
  const address = feeds.url.replace('http://', `http://reader:${secrets.feed}@`);
  const cwd = await certifiedWorkspace({
    repository: registry.repository,
    environments: '  production:\n    gates: { approvals: { required: 1 } }',
    feeds: `[{ name: osv, kind: osv, url: "${address}feed.json?token=${secrets.query}" }]`,
  });
  const home = join(cwd, 'home');
  await mkdir(join(home, '.docker'), { recursive: true });
  const login = Buffer.from(`pusher:${secrets.registry}`).toString('base64');
  await writeFile(join(home, '.docker/config.json'), JSON.stringify({ auths: { [registry.host]: { auth: login } } }));
  await writeFile(join(home, '.secret'), secrets.home);
  await writeFile(join(cwd, '.env'), `PASSWORD=${secrets.file}\n`);
  privateKeys = await Promise.all(
    ['release', 'bob'].map(
      async (name) => (await readFile(join(cwd, `keys/${name}.key`), 'utf8')).split('\n')[2] ?? '',
    ),
  );
  const env = {
    ...keyEnvironment,
    HOME: home,
    DATABASE_PASSWORD: secrets.environment,
    AWS_SECRET_ACCESS_KEY: secrets.cloud,
    NPM_TOKEN: secrets.npm,
    NODE_AUTH_TOKEN: secrets.npm,
  };
  const run = async (...args: readonly string[]): Promise<void> => {
    const ran = await runCli(args, { cwd, env });
    told.push({ where: `output of ${args[0]}`, bytes: Buffer.from(ran.stdout + ran.stderr) });
    if (args[0] === 'run' && args.includes('--json') && outcome === undefined)
      outcome = (JSON.parse(ran.stdout) as { cells?: { outcome: string }[] }).cells?.[0]?.outcome ?? ran.stdout;
  };
  await run('feeds', 'update');
  await run('run');
  await run('pending', '--html', 'pending.html');
  const cell = (await readdir(join(cwd, '.nodeworthy/store/.nodeworthy/candidates')).catch(() => []))[0];
  expect(cell).toBeDefined();
  await run('approve', '24*', '--key', 'keys/bob.key', '--reason', 'looked at it');
  await run('run', '--json');
  await run('verify', '24', '--explain');
  await run('certificate', '24', '--html', 'certificate.html', '--markdown', 'certificate.md');
  await run('show', '24', '--json');
  // What goes wrong is told as well.
  await feeds.close();
  await run('feeds', 'update');
  registry.blobs.clear();
  await run('run', '--environment', 'nowhere');
  await run('verify', `${registry.repository}:24`);
  await tellFolder(cwd, /\/(?:home|keys)\/|\/nodeworthy\.yaml$|\/\.env$|\/\.git\//);
  for (const [digest, bytes] of registry.blobs) told.push({ where: `registry: ${digest}`, bytes });
  for (const [name, { bytes }] of registry.manifests) told.push({ where: `registry: ${name}`, bytes });
}, 300_000);

it('control: it publishes with all of them, and what is looked for would be found', () => {
  expect(outcome).toBe('published');
  expect(told.length).toBeGreaterThan(50);
  for (const secret of Object.values(secrets)) {
    const text = Buffer.concat([Buffer.from('x'), Buffer.from(secret), Buffer.from('y')]);
    for (const spelt of [text, Buffer.from(text.toString('base64')), Buffer.from(text.toString('hex'))])
      expect(spellings(secret).some((spelling) => spelt.includes(spelling))).toBe(true);
  }
});

describe('nothing that is left or sent holds', () => {
  it.each(Object.entries(secrets))('the secret of %s', (_, secret) => {
    const found = told.filter(({ bytes }) => spellings(secret).some((spelling) => bytes.includes(spelling)));
    expect(found.map(({ where }) => where)).toEqual([]);
  });

  it('a private key', () => {
    for (const line of privateKeys) {
      expect(line.length).toBeGreaterThan(40);
      expect(told.filter(({ bytes }) => bytes.includes(line)).map(({ where }) => where)).toEqual([]);
    }
  });
});
