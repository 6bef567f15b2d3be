// What overlays, hardening and layer budgets make of real images, looked at from inside.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hardeningRuleNames } from '../src/config/hardening.ts';
import { cells, command, readJson, workspaceWith } from './support/matrix.ts';
import { preparedStore } from './support/prepared-stores.ts';
import { legacyPolicy } from './support/releases.ts';

const head = 'name: acme\nnode: { releases: [24] }\nbases:\n  trixie: { debian: trixie }\n';

it('an overlay is in the image: environment, certificates, zone, files, users, npm, labels, packages', async () => {
  const cwd = await workspaceWith(
    `${head}overlays:
  - name: acme
    environment: { ACME: "1" }
    nodeOptions: [--enable-source-maps]
    npm: { registry: "http://localhost:1/", strict-ssl: true }
    certificates: [acme.crt]
    timeZone: Europe/Berlin
    locale: de_DE.UTF-8
    files: [{ from: motd, to: /etc/acme/motd, mode: "0640", owner: "0:2000" }]
    users: [{ name: app, uid: 2000 }]
    user: "2000:2000"
    labels: { com.acme.owner: platform }
    tuning: { threadPoolSize: 2, semiSpaceMb: 8, heapPercentage: 50 }
  - name: allocator
    cells: "24.*"
    packages: [libjemalloc2]
tests: [{ dockerfile: check }]
`,
  );
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '30000',
      '-subj',
      '/CN=Acme Root',
      '-keyout',
      'acme.key',
      '-out',
      'acme.crt',
    ],
    { cwd, stdio: 'ignore' },
  );
  await writeFile(join(cwd, 'motd'), 'welcome\n');
  await mkdir(join(cwd, 'check'));
  await writeFile(join(cwd, 'check/Dockerfile'), 'COPY check.mjs /tmp/\nRUN ["node", "/tmp/check.mjs"]\n');
  await writeFile(
    join(cwd, 'check/check.mjs'),
    `import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import tls from 'node:tls';
const { env } = process;
assert.equal(env.ACME, '1');
assert.equal(env.UV_THREADPOOL_SIZE, '2');
assert.match(env.NODE_OPTIONS, /--max-old-space-size-percentage=50 .*--enable-source-maps --max-semi-space-size=8/);
assert.equal(process.getuid(), 2000);
assert.equal(new Intl.DateTimeFormat().resolvedOptions().timeZone, 'Europe/Berlin');
assert.equal(readFileSync('/etc/timezone', 'utf8'), 'Europe/Berlin\\n');
assert.equal(readFileSync('/etc/acme/motd', 'utf8'), 'welcome\\n');
assert.equal(statSync('/etc/acme/motd').mode & 0o777, 0o640);
assert.match(readFileSync('/etc/passwd', 'utf8'), /^app:x:2000:2000:/m);
assert.match(readFileSync('/usr/local/etc/npmrc', 'utf8'), /^registry=http:\\/\\/localhost:1\\/\\nstrict-ssl=true\\n$/);
const isAcme = (pem) => new X509Certificate(pem).subject === 'CN=Acme Root';
assert.ok(readFileSync('/etc/ssl/certs/ca-certificates.crt', 'latin1').match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g).some(isAcme));
assert.ok(readdirSync('/etc/ssl/certs').some((name) => /^[0-9a-f]{8}\\.\\d$/.test(name) && isAcme(readFileSync('/etc/ssl/certs/' + name))));
assert.ok(tls.getCACertificates('extra').some(isAcme) && tls.getCACertificates('system').some(isAcme));
assert.ok(readdirSync('/usr/lib/x86_64-linux-gnu').includes('libjemalloc.so.2'));
`,
  );
  await command(cwd, ['lock']);
  const [cell] = await cells(cwd, ['run']);
  expect(cell).toMatchObject({ outcome: 'published', platforms: [{ tests: { failed: 0 } }] });
  const shown = JSON.parse((await command(cwd, ['show', '24', '--json'])).stdout) as {
    overlays: Record<string, string>;
    endOfLife: string;
  };
  expect(shown.overlays).toEqual({
    acme: expect.stringMatching(/^sha256:/),
    allocator: expect.stringMatching(/^sha256:/),
  });
  expect(shown.endOfLife).toBe('2028-04-30');
  // The lock is for this overlay: another content needs another lock.
  await writeFile(join(cwd, 'motd'), 'changed\n');
  const outdated = await cells(cwd, ['build'], 4);
  expect(outdated[0]).toMatchObject({
    outcome: 'error',
    reason: expect.stringContaining('locked for another configuration'),
  });
});

it('a package that the suite does not have is the problem of its own cells', async () => {
  const cwd = await workspaceWith(
    `${head}  bookworm: { debian: bookworm }\noverlays:\n  - { name: wrong, cells: "*-bookworm-*", packages: [no-such-package] }\n`,
  );
  await command(cwd, ['lock'], 4);
  const results = await cells(cwd, ['run'], 4);
  expect(results.map(({ outcome, reason }) => [outcome, reason])).toEqual([
    ['published', undefined],
    ['error', 'the variant needs no-such-package, which the archive does not have'],
  ]);
  // What happened is kept, cell by cell and attempt by attempt.
  const logs = join(cwd, '.nodeworthy/store/.nodeworthy/logs');
  expect((await readdir(logs)).sort()).toEqual(results.map(({ id }) => id).sort());
  for (const { id, outcome, reason } of results) {
    const [name = ''] = await readdir(join(logs, id));
    const text = await readFile(join(logs, id, name), 'utf8');
    expect(text).toContain(`${id}: ${outcome} after `);
    expect(text).toContain(reason ?? 'passed hardening/set-id');
  }
  // Its names are kept for it: nobody else gets them.
  expect(results[0]?.tags).not.toContain('24-bookworm');
});

it('strict images keep every rule and still pass, as one layer', { timeout: 300_000 }, async () => {
  const cwd = await workspaceWith(
    `name: acme
node: { releases: [24, "12.22.12"], endOfLife: { reason: old lines are tried } }
bases:
  trixie: { debian: trixie }
  bookworm: { debian: bookworm }
variants: [runtime, slim]
hardening: strict
layers: one
overlays: [{ name: sizes, tuning: { semiSpaceMb: 64, heapPercentage: 75 } }]
${legacyPolicy(['12.22.12'])}`,
    await preparedStore('variants'),
  );
  await command(cwd, ['lock']);
  const pairs = '24*-trixie-runtime,24*-trixie-slim,24*-bookworm-slim,12*-trixie-slim';
  const results = await cells(cwd, ['run', '--cells', pairs]);
  expect(results.map(({ outcome, reason }) => [outcome, reason])).toEqual(
    Array.from({ length: 4 }, () => ['published', undefined]),
  );
  for (const cell of results) expect((await readJson(cwd, String(cell.platforms[0]?.digest))).layers).toHaveLength(1);
  const shown = JSON.parse((await command(cwd, ['show', '24-slim', '--json'])).stdout) as {
    hardening: string[];
    platforms: { tests: { cases: { id: string }[] } }[];
  };
  expect(shown.hardening).toEqual(hardeningRuleNames);
  const ids = shown.platforms[0]?.tests.cases.map(({ id }) => id) ?? [];
  expect(ids).toEqual(expect.arrayContaining(hardeningRuleNames.map((rule) => `hardening/${rule}`)));
});

it('an image without hardening keeps what its system comes with, and its tests say so', async () => {
  const prepared = await preparedStore('variants');
  const cwd = await workspaceWith(`${head}variants: [runtime, slim]\nhardening: none\n`, prepared);
  await command(cwd, ['lock']);
  const results = await cells(cwd, ['run']);
  expect(results.map(({ outcome, reason }) => [outcome, reason])).toEqual([
    ['published', undefined],
    ['published', undefined],
  ]);
  const notApplicable = results.map(({ platforms }) => platforms[0]?.tests.notApplicable);
  expect(notApplicable).toEqual([0, 3]);
});

it('a layer budget joins from the top, and the system stays shared', async () => {
  const shared = await workspaceWith(head);
  await command(shared, ['lock']);
  const [apart] = await cells(shared, ['build']);
  const cwd = await workspaceWith(`${head}layers: { budget: 2 }\n`);
  await command(cwd, ['lock']);
  const [joined] = await cells(cwd, ['build']);
  const before = (await readJson(shared, String(apart?.platforms[0]?.digest))).layers;
  const after = (await readJson(cwd, String(joined?.platforms[0]?.digest))).layers;
  expect([before.length, after.length]).toEqual([3, 2]);
  expect(after[0]).toEqual(before[0]);
});
