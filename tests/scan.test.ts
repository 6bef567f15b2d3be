// Feeds, their indexes, and what they say about a real image.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { isFailure } from '../src/core/errors.ts';
import { digestOf, type Digest } from '../src/core/digest.ts';
import { openLayoutStore } from '../src/store/layout/layout-store.ts';
import { openFeedIndex } from '../src/stages/scan/feed-index.ts';
import { matchImage } from '../src/stages/scan/match-image.ts';
import { matchSecurityArchive, parseDebianChangelog } from '../src/stages/scan/security-archive.ts';
import type { SbomModel } from '../src/formats/sbom/model.ts';
import { ask, certifiedWorkspace, keyEnvironment, write, type Cells } from './support/certified.ts';
import { runCli } from './support/cli.ts';
import { serve } from './support/http-server.ts';
import { temporaryFolder } from './support/workspace.ts';

const signal = new AbortController().signal;

/** A zip archive as OSV publishes them; no tool of this machine is needed to make one. */
function zip(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = deflateRawSync(Buffer.from(text));
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(text), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(Buffer.byteLength(text), 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), common, entry, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, list, Buffer.from('PK\x05\x06'), end]);
}

const osv = (id: string, name: string, ecosystem: string, events: object[], more: object = {}) => ({
  id,
  modified: '2026-11-20T00:00:00Z',
  published: '2026-11-01T00:00:00Z',
  affected: [
    { package: { ecosystem, name }, ranges: [{ type: ecosystem === 'npm' ? 'SEMVER' : 'ECOSYSTEM', events }] },
  ],
  ...more,
});

describe('an index of a feed', () => {
  async function open(kind: Parameters<typeof openFeedIndex>[1]['kind'], bytes: Buffer | string, name = 'feed') {
    const folder = await temporaryFolder();
    const path = join(folder, `${name}.json`);
    await writeFile(path, bytes);
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const store = await openLayoutStore(join(folder, 'store'));
    const indexes = join(store.stateFolder, 'feed-indexes');
    return { folder, store, indexes, index: () => openFeedIndex(store, { name, kind, digest, path }, signal) };
  }

  it('is made of an archive of OSV once, and asked by ecosystem and package', async () => {
    const archive = zip({
      'CVE-1.json': JSON.stringify(osv('CVE-1', 'glibc', 'Debian:13', [{ introduced: '0' }])),
      'GHSA-1.json': JSON.stringify(osv('GHSA-1', 'tar', 'npm', [{ introduced: '0' }, { fixed: '2.0.0' }])),
      'GONE.json': JSON.stringify(
        osv('GONE', 'tar', 'npm', [{ introduced: '0' }], { withdrawn: '2026-11-02T00:00:00Z' }),
      ),
      'README.txt': 'not an entry',
    });
    const { indexes, index } = await open('osv', archive);
    const made = await index();
    expect(made.entries).toBe(3);
    expect(made.date).toBe('2026-11-20T00:00:00Z');
    expect(made.lookUp('npm tar')).toMatchObject([{ id: 'GHSA-1' }]);
    expect(made.lookUp('Debian:13 glibc')).toMatchObject([{ id: 'CVE-1' }]);
    expect(made.lookUp('Debian:12 glibc')).toEqual([]);
    made.close();
    const [file] = (await readdir(indexes)).filter((name) => name.endsWith('.sqlite'));
    expect(file).toContain('osv-');
    (await index()).close();
  });

  it('goes on where it stopped', async () => {
    const entries = Object.fromEntries(
      Array.from({ length: 4500 }, (_, at) => [
        `CVE-${at}.json`,
        JSON.stringify(osv(`CVE-${at}`, `package${at}`, 'npm', [{ introduced: '0' }])),
      ]),
    );
    const { folder, store, indexes, index } = await open('osv', zip(entries));
    const abort = new AbortController();
    const digest = digestOf(zip(entries));
    const path = join(folder, 'feed.json');
    const stopped = openFeedIndex(store, { name: 'feed', kind: 'osv', digest, path }, abort.signal);
    abort.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    expect((await readdir(indexes)).some((name) => name.endsWith('.part'))).toBe(true);
    const made = await index();
    expect(made.entries).toBe(4500);
    for (const at of [0, 1999, 2000, 2001, 4499]) expect(made.lookUp(`npm package${at}`), String(at)).toHaveLength(1);
    made.close();
  });

  it.each([
    ['osv', 'empty', zip({})],
    ['osv', 'cut off', zip({ 'CVE-1.json': JSON.stringify(osv('CVE-1', 'a', 'npm', [])) }).subarray(0, 60)],
    ['osv', 'another file', '<html>login</html>'],
    ['debian-tracker', 'empty', '{}'],
    ['debian-tracker', 'cut off', '{"glibc":{"CVE-1":{"releases":{}}},"zlib":{"CVE'],
    ['debian-tracker', 'another shape', '{"glibc":[1]}'],
    ['node-core', 'empty', '{}'],
    ['node-core', 'another shape', '[]'],
    ['node-dist', 'empty', '[]'],
    ['kev', 'another shape', '{"vulnerabilities":[{}]}'],
    ['epss', 'empty', '#model_version:v1,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\n'],
    ['openvex', 'another shape', '{"statements":[]}'],
  ] as const)('of %s that is %s is refused, and leaves nothing behind', async (kind, _, bytes) => {
    const { indexes, index } = await open(kind, bytes);
    await expect(index()).rejects.toSatisfy((error: unknown) => isFailure(error, 'FEED_INVALID'));
    expect((await readdir(indexes).catch(() => [])).filter((name) => name.endsWith('.sqlite'))).toEqual([]);
  });

  it('of each kind is read', async () => {
    const kev = await (
      await open('kev', JSON.stringify({ dateReleased: '2026-11-20T10:00:00Z', vulnerabilities: [{ cveID: 'CVE-1' }] }))
    ).index();
    expect([kev.lookUp('CVE-1').length, kev.lookUp('CVE-2').length, kev.date]).toEqual([
      1,
      0,
      '2026-11-20T10:00:00.000Z',
    ]);
    const epss = await (
      await open(
        'epss',
        '#model_version:v1,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\nCVE-2026-1,0.5,0.9\n',
      )
    ).index();
    expect([epss.lookUp('CVE-2026-1'), epss.date]).toEqual([[0.5], '2026-11-20T00:00:00.000Z']);
    for (const index of [kev, epss]) index.close();
  });
});

describe('matching', () => {
  const model = (components: SbomModel['components']): SbomModel => ({
    name: 'acme',
    digest: digestOf('image'),
    platform: 'linux/amd64',
    release: '24.21.0',
    created: '2026-11-01T00:00:00Z',
    components,
    files: { total: 0, owned: 0, listed: 0 },
  });
  const system = { kind: 'system', ref: 'system:debian', name: 'debian', version: '13', licenses: [] } as const;
  const libc = {
    kind: 'deb',
    ref: 'pkg:deb/debian/libc6@2.41-12%2Bdeb13u4',
    purl: 'pkg:deb/debian/libc6@2.41-12%2Bdeb13u4',
    name: 'libc6',
    version: '2.41-12+deb13u4',
    licenses: [],
    source: { name: 'glibc', version: '2.41-12+deb13u4', suite: 'trixie' },
  } as const;
  const feed = (kind: 'osv' | 'debian-tracker' | 'kev' | 'epss', rows: Readonly<Record<string, unknown[]>>) => ({
    name: kind,
    kind,
    scopes: kind === 'osv' ? ['npm', 'Debian:13'] : ['trixie'],
    lookUp: (key: string) => rows[key] ?? [],
  });
  const line = { name: '24', phase: 'maintenance', end: '2028-04-30' };
  const match = (components: SbomModel['components'], feeds: Parameters<typeof matchImage>[0]['feeds']) =>
    matchImage({ sbom: model(components), feeds, vex: [], line, imageNames: [] });

  it('goes by source package, and makes one finding of what several feeds say', () => {
    const { findings } = match(
      [system, libc],
      [
        feed('debian-tracker', {
          glibc: [
            {
              'CVE-2026-1': {
                releases: {
                  trixie: { status: 'resolved', fixed_version: '2.41-12+deb13u5', urgency: 'not yet assigned' },
                },
              },
            },
          ],
        }),
        feed('osv', {
          'Debian:13 glibc': [
            osv('DEBIAN-CVE-2026-1', 'glibc', 'Debian:13', [{ introduced: '0' }], {
              upstream: ['CVE-2026-1'],
              severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
            }),
          ],
        }),
        feed('kev', { 'CVE-2026-1': [{}] }),
        feed('epss', { 'CVE-2026-1': [0.25] }),
      ],
    );
    expect(findings).toMatchObject([
      {
        id: 'CVE-2026-1',
        aliases: ['DEBIAN-CVE-2026-1'],
        name: 'glibc',
        severity: 'critical',
        score: 9.8,
        fixedVersion: '2.41-12+deb13u5',
        kev: true,
        epss: 0.25,
        feeds: ['debian-tracker', 'osv'],
      },
    ]);
  });

  it('takes a system that it does not know for unknown, and not for safe', () => {
    expect(match([libc], []).findings).toMatchObject([{ id: 'UNKNOWN-SYSTEM', severity: 'unknown' }]);
    expect(match([{ ...system, name: 'wolfi' }], []).findings).toMatchObject([{ id: 'UNKNOWN-SYSTEM' }]);
    expect(match([system], []).findings).toMatchObject([{ id: 'UNKNOWN-SYSTEM' }]);
  });

  it('says which components no feed speaks about', () => {
    expect(match([system, libc], []).unmatched).toEqual([libc.ref]);
  });

  it('takes a line past its end for vulnerable, whatever feeds say', () => {
    const node = { kind: 'node', ref: 'node', name: 'node', version: '18.20.8', licenses: [] } as const;
    const ended = matchImage({
      sbom: model([system, libc, node]),
      feeds: [],
      vex: [],
      line: { name: '18', phase: 'end-of-life', end: '2025-04-30' },
      imageNames: [],
    });
    expect(ended.findings).toMatchObject([{ id: 'NODE-END-OF-LIFE-18', severity: 'critical' }]);
  });

  it('of npm packages decodes scopes', () => {
    const scoped = {
      kind: 'npm',
      ref: 'x',
      purl: 'pkg:npm/%40acme/tar@1.0.0',
      name: '@acme/tar',
      version: '1.0.0',
      licenses: [],
    } as const;
    const { findings } = match(
      [system, libc, scoped],
      [
        feed('osv', {
          'npm @acme/tar': [osv('GHSA-1', '@acme/tar', 'npm', [{ introduced: '0' }], { aliases: ['CVE-9'] })],
        }),
      ],
    );
    expect(findings).toMatchObject([{ id: 'CVE-9', name: '@acme/tar' }]);
  });
});

describe('the security archive', () => {
  const changelog = `glibc (2.41-12+deb13u6) trixie-security; urgency=medium

  * Repair a hole (CVE-2026-0002)
  * and another, CVE-2026-0003.

 -- A Maintainer <a@example.com>  Mon, 09 Nov 2026 10:00:00 +0100

glibc (2.41-12+deb13u5) trixie-security; urgency=medium

  * CVE-2026-0001

 -- A Maintainer <a@example.com>  Sun, 01 Nov 2026 10:00:00 +0000

glibc (2.41-12+deb13u4) trixie; urgency=medium

  * CVE-2025-9999

 -- A Maintainer <a@example.com>  Thu, 01 Oct 2026 10:00:00 +0000
`;

  it('names the CVEs between the version of the image and its own, with the day of each repair', () => {
    const source = {
      suite: 'trixie',
      name: 'glibc',
      version: '2.41-12+deb13u6',
      changelog: parseDebianChangelog(changelog),
    };
    expect(source.changelog).toMatchObject([
      { version: '2.41-12+deb13u6', date: '2026-11-09', cves: ['CVE-2026-0002', 'CVE-2026-0003'] },
      { cves: ['CVE-2026-0001'] },
      { cves: ['CVE-2025-9999'] },
    ]);
    expect(
      matchSecurityArchive(source, '2.41-12+deb13u4').map(({ id, fixedVersion, fixedSince }) => [
        id,
        fixedVersion,
        fixedSince,
      ]),
    ).toEqual([
      ['CVE-2026-0002', '2.41-12+deb13u6', '2026-11-09'],
      ['CVE-2026-0003', '2.41-12+deb13u6', '2026-11-09'],
      ['CVE-2026-0001', '2.41-12+deb13u5', '2026-11-01'],
    ]);
    expect(matchSecurityArchive(source, '2.41-12+deb13u6')).toEqual([]);
    expect(matchSecurityArchive({ ...source, changelog: [] }, '2.41-12+deb13u4')).toMatchObject([
      { id: 'DEBIAN-SECURITY-glibc-2.41-12+deb13u6', severity: 'unknown' },
    ]);
  });
});

describe('a recipe with feeds', () => {
  let cwd: string;
  const feeds =
    '[{ name: osv, kind: osv, path: feeds/osv.json }, { name: dist, kind: node-dist, path: feeds/dist.json }]';
  const environments =
    '  production:\n    gates: { vulnerabilities: { deny: [critical], foreign: add }, feeds: { required: [osv], maxAgeDays: 3 } }\n    waivers: []';
  const putFeeds = async (entries: object[], date = new Date()) => {
    await write(
      cwd,
      'feeds/osv.json',
      entries.map((entry) => ({ ...entry, modified: date.toISOString() })),
    );
    const today = date.toISOString().slice(0, 10);
    await write(cwd, 'feeds/dist.json', [{ version: 'v24.21.0', date: today, security: false, lts: false }]);
  };
  // It knows the ecosystems of the image: what nobody speaks about is not safe.
  const harmless = osv('CVE-0', 'nothing-here', 'Debian:13', [{ introduced: '0' }]);
  const glibc = osv('CVE-2026-7777', 'glibc', 'Debian:13', [{ introduced: '0' }, { fixed: '99' }], {
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
  });

  beforeAll(async () => {
    cwd = await certifiedWorkspace({ feeds, environments });
    await mkdir(join(cwd, 'feeds'));
    await putFeeds([harmless]);
  }, 300_000);

  it('publishes what no feed objects to, and scans again when a feed changes: then it is denied', async () => {
    const first = await ask<Cells>(cwd, ['run']);
    expect(first.json.cells, first.stderr).toMatchObject([{ outcome: 'published' }]);
    expect((await ask<Cells>(cwd, ['run'])).json.cells).toMatchObject([{ outcome: 'unchanged' }]);
    await putFeeds([harmless, glibc]);
    const denied = await ask<Cells>(cwd, ['run']);
    expect(denied.exitCode).toBe(4);
    expect(denied.json.cells).toMatchObject([{ outcome: 'denied' }]);
    expect(denied.json.cells[0]?.reason).toContain('CVE-2026-7777 in glibc');
    const verified = await ask<{ verified: boolean }>(cwd, ['verify', '24']);
    expect(verified.json.verified).toBe(false);
  });

  it('shows it as a table, as JSON and as SARIF', async () => {
    const table = await runCli(['scan', '24'], { cwd, env: keyEnvironment });
    expect(table.stdout).toMatch(/critical +CVE-2026-7777 +glibc/);
    const json = await ask<{ findings: { id: string }[]; feeds: unknown[] }>(cwd, ['scan', '24']);
    expect(json.json.findings).toMatchObject([{ id: 'CVE-2026-7777' }]);
    const sarif = JSON.parse(
      (await runCli(['scan', '24', '--format', 'sarif'], { cwd, env: keyEnvironment })).stdout,
    ) as { runs: { results: unknown[] }[] };
    expect(sarif.runs[0]?.results).toHaveLength(1);
  });

  it('lets it pass with a waiver of a person, until its day, and with a VEX document', async () => {
    const recipe = await readFile(join(cwd, 'nodeworthy.yaml'), 'utf8');
    const waiver = '{ vulnerability: CVE-2026-7777, reason: the function is not called, by: bob, until: 2027-01-31 }';
    await write(cwd, 'nodeworthy.yaml', recipe.replace('waivers: []', `waivers: [${waiver}]`));
    expect((await ask<Cells>(cwd, ['gate'])).json.cells).toMatchObject([{ result: 'allowed' }]);
    const later = await ask<Cells>(cwd, ['gate', '--now', '2027-02-01']);
    expect(later.exitCode).toBe(10);
    await write(cwd, 'vex.json', {
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': 'https://acme.example/vex/1',
      author: 'acme',
      timestamp: '2026-11-20T00:00:00Z',
      version: 1,
      statements: [
        {
          vulnerability: { name: 'CVE-2026-7777' },
          products: [{ '@id': 'pkg:deb/debian/libc6' }],
          status: 'not_affected',
          justification: 'vulnerable_code_not_in_execute_path',
        },
      ],
    });
    await write(cwd, 'nodeworthy.yaml', `${recipe}\nvex: [vex.json]\n`);
    const run = await ask<Cells>(cwd, ['run']);
    expect(run.json.cells, run.stderr).toMatchObject([{ outcome: 'unchanged' }]);
    await write(cwd, 'vex.json', '{}');
    expect(await ask(cwd, ['run'])).toMatchObject({ exitCode: 14 });
    await write(cwd, 'nodeworthy.yaml', recipe);
  });

  it('refuses feeds that are old, empty, cut off, gone, or were never fetched', async () => {
    await putFeeds([harmless], new Date(Date.now() - 10 * 86_400_000));
    const old = await ask<Cells>(cwd, ['run']);
    expect(old.json.cells[0]?.reason).toMatch(/feeds: .*the feed osv is \d+ days old, at most 3 are taken/);
    await write(cwd, 'feeds/osv.json', '[]');
    expect(await ask(cwd, ['run'])).toMatchObject({
      exitCode: 14,
      stderr: expect.stringContaining('the feed osv (osv) is empty') as string,
    });
    await write(cwd, 'feeds/osv.json', '[{"id": "CVE-1"');
    expect(await ask(cwd, ['run'])).toMatchObject({
      exitCode: 14,
      stderr: expect.stringContaining('cannot be read') as string,
    });
    const recipe = await readFile(join(cwd, 'nodeworthy.yaml'), 'utf8');
    await write(cwd, 'nodeworthy.yaml', recipe.replace('feeds/osv.json', 'feeds/nothing.json'));
    expect(await ask(cwd, ['run'])).toMatchObject({
      exitCode: 12,
      stderr: expect.stringContaining('there is no file') as string,
    });
    await write(cwd, 'nodeworthy.yaml', recipe.replace('path: feeds/osv.json', 'url: http://127.0.0.1:1/osv.zip'));
    expect(await ask(cwd, ['run'])).toMatchObject({
      exitCode: 14,
      stderr: expect.stringContaining('was never fetched') as string,
    });
    const fetched = await runCli(['feeds', 'update', 'osv', '--quiet'], { cwd, env: keyEnvironment });
    expect(fetched.exitCode).toBe(5);
    expect(fetched.stderr).toContain('grows older');
    await write(cwd, 'nodeworthy.yaml', recipe);
    await putFeeds([harmless]);
  }, 300_000);

  it('fetches a feed, keeps it by digest, and keeps the old one when the server fails', async () => {
    let answer: Buffer | undefined = zip({
      'CVE-0.json': JSON.stringify({ ...harmless, modified: new Date().toISOString() }),
    });
    const server = await serve((_, response) => (answer ? response.end(answer) : response.writeHead(403).end()));
    const recipe = await readFile(join(cwd, 'nodeworthy.yaml'), 'utf8');
    try {
      await write(cwd, 'nodeworthy.yaml', recipe.replace('path: feeds/osv.json', `url: http://${server.host}/all.zip`));
      const updated = await ask<{ feeds: { name: string; digest: string; entries: number }[] }>(cwd, [
        'feeds',
        'update',
      ]);
      expect(updated.json.feeds[0], updated.stderr).toMatchObject({
        name: 'osv',
        digest: digestOf(answer),
        entries: 1,
      });
      answer = undefined;
      expect((await ask(cwd, ['feeds', 'update', 'osv'])).exitCode).toBe(5);
      const kept = await ask<{ feeds: { digest: string }[] }>(cwd, ['feeds']);
      expect(kept.json.feeds[0]?.digest).toBe(updated.json.feeds[0]?.digest);
      expect((await ask<Cells>(cwd, ['run'])).json.cells).toMatchObject([{ outcome: 'unchanged' }]);
    } finally {
      await server.close();
      await write(cwd, 'nodeworthy.yaml', recipe);
    }
  });

  it('takes over reports of other scanners, about this image only, and what they find counts', async () => {
    const shown = await ask<{ platforms: { digest: string }[] }>(cwd, ['show', '24']);
    const digest = shown.json.platforms[0]?.digest ?? '';
    const grype = (manifestDigest: string) => ({
      matches: [
        {
          vulnerability: { id: 'GHSA-x', severity: 'Critical', fix: { versions: ['3'], state: 'fixed' } },
          relatedVulnerabilities: [{ id: 'CVE-2026-5' }],
          artifact: { name: 'openssl', version: '2', purl: 'pkg:generic/openssl@2' },
        },
      ],
      source: { type: 'image', target: { manifestDigest, repoDigests: [] } },
      descriptor: { name: 'grype', version: '0.99.0', db: { built: new Date().toISOString() } },
    });
    await write(cwd, 'grype.json', grype(digest));
    await write(cwd, 'other.json', grype(digestOf('another image')));
    await write(cwd, 'trivy.json', {
      SchemaVersion: 2,
      CreatedAt: '2026-11-20T00:00:00Z',
      Metadata: { ImageID: digest },
      Results: [
        {
          Target: 'x',
          Vulnerabilities: [{ VulnerabilityID: 'CVE-2026-6', PkgName: 'zlib', InstalledVersion: '1', Severity: 'LOW' }],
        },
      ],
    });
    await write(cwd, 'osv-scanner.json', {
      results: [
        {
          packages: [
            {
              package: { name: 'tar', version: '1.0.0', ecosystem: 'npm' },
              vulnerabilities: [{ id: 'GHSA-y', aliases: ['CVE-2026-8'] }],
              groups: [{ ids: ['GHSA-y'], max_severity: '9.1' }],
            },
          ],
        },
      ],
    });
    const from = (report: string, more: string[] = []) =>
      ask<{ findings: { id: string; severity: string }[] }>(cwd, ['scan', '24', '--from', report, ...more]);
    expect((await from('grype:grype.json')).json.findings).toMatchObject([
      { id: 'CVE-2026-5', severity: 'critical', aliases: ['GHSA-x'] },
    ]);
    expect((await from('trivy:trivy.json')).json.findings).toMatchObject([{ id: 'CVE-2026-6', severity: 'low' }]);
    expect((await from('osv-scanner:osv-scanner.json')).json.findings).toMatchObject([
      { id: 'CVE-2026-8', score: 9.1 },
    ]);
    expect(await from('grype:other.json')).toMatchObject({
      exitCode: 10,
      stderr: expect.stringContaining('is about') as string,
    });
    expect(await from('grype:trivy.json')).toMatchObject({ exitCode: 14 });
    expect(await from('snyk:x.json')).toMatchObject({ exitCode: 2 });
    expect(await from('osv-scanner:osv-scanner.json', ['--sign'])).toMatchObject({ exitCode: 10 });
    expect((await ask<Cells>(cwd, ['gate'])).json.cells).toMatchObject([{ result: 'allowed' }]);
    expect((await from('grype:grype.json', ['--sign'])).exitCode).toBe(0);
    const gated = await ask<Cells>(cwd, ['gate']);
    expect(gated.json.cells).toMatchObject([{ result: 'denied' }]);
    // A scan of ours that finds nothing does not make it unfound.
    expect((await ask<Cells>(cwd, ['run'])).json.cells).toMatchObject([{ outcome: 'denied' }]);
  });
});

it('asks the mirror of this machine what its security suite has', async () => {
  const cwd = await certifiedWorkspace({ feeds: '[{ name: security, kind: debian-archive }]' });
  const updated = await ask<{ feeds: { entries: number; ageDays: number }[] }>(cwd, ['feeds', 'update']);
  expect(updated.exitCode, updated.stderr).toBe(0);
  expect(updated.json.feeds[0]?.entries).toBeGreaterThan(0);
  expect(updated.json.feeds[0]?.ageDays).toBeLessThan(3650);
}, 300_000);
