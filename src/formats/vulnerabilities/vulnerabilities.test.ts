import { describe, expect, it } from 'vitest';
import type { Finding } from '../attestation/predicate-shapes.ts';
import { cvss3BaseScore } from './cvss3.ts';
import { matchDebianTracker } from './debian-tracker.ts';
import { matchNodeCore, newerSecurityReleases } from './node-feeds.ts';
import { askVex, OpenVexSchema } from './openvex.ts';
import { matchOsv, OsvSchema, osvKeys } from './osv.ts';
import { sarifDocument } from './sarif.ts';

describe('CVSS 3', () => {
  // Vectors with their scores from the examples document of FIRST, version 3.1.
  it.each([
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N', 6.1],
    ['CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N', 6.4],
    ['CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N', 3.1],
    ['CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H', 7.8],
    ['CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 9.8],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', 10],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N', 0],
  ])('%s is %d', (vector, score) => {
    expect(cvss3BaseScore(vector)).toBe(score);
  });

  it.each(['CVSS:4.0/AV:N', 'CVSS:3.1/AV:N/AC:L', 'nonsense'])('%s has no score', (vector) => {
    expect(cvss3BaseScore(vector)).toBeUndefined();
  });
});

describe('OSV', () => {
  const entry = (affected: object, more: object = {}) =>
    OsvSchema.parse({
      id: 'GHSA-1',
      aliases: ['CVE-2026-1'],
      published: '2026-10-01T00:00:00Z',
      affected: [affected],
      ...more,
    });
  const npm = { package: { ecosystem: 'npm', name: 'tar' } };
  const range = (events: object[]) => ({ ...npm, ranges: [{ type: 'SEMVER', events }] });

  it.each([
    ['6.1.9', [{ introduced: '0' }, { fixed: '6.2.0' }], { fixedVersion: '6.2.0' }],
    ['6.2.0', [{ introduced: '0' }, { fixed: '6.2.0' }], undefined],
    ['6.2.0-rc.1', [{ introduced: '0' }, { fixed: '6.2.0' }], { fixedVersion: '6.2.0' }],
    ['5.0.0', [{ introduced: '6.0.0' }, { fixed: '6.2.0' }], undefined],
    [
      '7.0.1',
      [{ introduced: '0' }, { fixed: '6.2.0' }, { introduced: '7.0.0' }, { fixed: '7.0.2' }],
      { fixedVersion: '7.0.2' },
    ],
    ['7.0.1', [{ fixed: '7.0.2' }, { introduced: '7.0.0' }], { fixedVersion: '7.0.2' }],
    ['6.2.0', [{ introduced: '0' }, { last_affected: '6.2.0' }], {}],
    ['6.2.1', [{ introduced: '0' }, { last_affected: '6.2.0' }], undefined],
  ])('npm %s in %j', (version, events, expected) => {
    const match = matchOsv(entry(range(events)), { ecosystem: 'npm', name: 'tar', version });
    expect(match && { ...(match.fixedVersion ? { fixedVersion: match.fixedVersion } : {}) }).toEqual(expected);
  });

  it('orders versions of Debian as dpkg does, with epochs and tildes', () => {
    const debian = {
      package: { ecosystem: 'Debian:13', name: 'glibc' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '1:2.41-1' }] }],
    };
    const ask = (version: string) => matchOsv(entry(debian), { ecosystem: 'Debian:13', name: 'glibc', version });
    expect(ask('2.99-1')).toBeDefined();
    expect(ask('1:2.41-1~deb13u1')).toBeDefined();
    expect(ask('1:2.41-1+b1')).toBeUndefined();
  });

  it('passes over what was withdrawn, and over other ecosystems', () => {
    const withdrawn = entry(range([{ introduced: '0' }]), { withdrawn: '2026-11-01T00:00:00Z' });
    expect(osvKeys(withdrawn)).toEqual([]);
    expect(matchOsv(withdrawn, { ecosystem: 'npm', name: 'tar', version: '1.0.0' })).toBeUndefined();
    expect(
      matchOsv(entry(range([{ introduced: '0' }])), { ecosystem: 'Debian:13', name: 'tar', version: '1' }),
    ).toBeUndefined();
  });

  it('rates by score, by word, and malware by what it is', () => {
    const at = { ecosystem: 'npm', name: 'tar', version: '1.0.0' };
    const all = range([{ introduced: '0' }]);
    expect(
      matchOsv(
        entry(all, { severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }] }),
        at,
      ),
    ).toMatchObject({ severity: 'critical', score: 9.8 });
    expect(matchOsv(entry(all, { database_specific: { severity: 'MODERATE' } }), at)?.severity).toBe('medium');
    expect(matchOsv(entry(all, { id: 'MAL-2026-1' }), at)?.severity).toBe('critical');
    expect(matchOsv(entry(all), at)?.severity).toBe('unknown');
  });
});

describe('the Debian security tracker', () => {
  const tracked = (release: object) => ({ 'CVE-2026-2': { releases: { trixie: { status: 'open', ...release } } } });
  it.each([
    ['open, nothing repaired', { status: 'open', urgency: 'low' }, '1.0-1', [{ severity: 'low' }]],
    ['repaired later', { status: 'resolved', fixed_version: '1.0-2' }, '1.0-1', [{ fixedVersion: '1.0-2' }]],
    ['repaired here', { status: 'resolved', fixed_version: '1.0-2' }, '1.0-2', []],
    ['repaired in a rebuild', { status: 'resolved', fixed_version: '1.0-2' }, '1.0-2+b3', []],
    ['never affected', { status: 'resolved', fixed_version: '0' }, '1.0-1', []],
    ['undetermined is not safe', { status: 'undetermined' }, '1.0-1', [{ severity: 'unknown' }]],
    ['unimportant', { status: 'open', urgency: 'unimportant' }, '1.0-1', [{ severity: 'negligible' }]],
  ])('%s', (_, release, version, expected) => {
    expect(matchDebianTracker(tracked(release), 'trixie', version)).toMatchObject(expected);
  });

  it('says nothing about other releases', () => {
    expect(matchDebianTracker(tracked({}), 'bookworm', '1.0-1')).toEqual([]);
  });
});

describe('Node.js', () => {
  // The shape, and the ranges, of an entry of the core index.
  const core = {
    178: {
      cve: ['CVE-2026-48930'],
      vulnerable: '22.x || 24.x || 26.x',
      patched: '^22.23.0 || ^24.17.0 || ^26.3.1',
      severity: 'medium',
      affectedEnvironments: ['all'],
    },
    1: { cve: ['CVE-1'], vulnerable: '24.x', patched: '^24.99.0', affectedEnvironments: ['win32'] },
  };
  const releases = [
    { version: 'v24.18.0', date: '2026-09-01', security: true },
    { version: 'v24.17.0', date: '2026-06-17', security: true },
    { version: 'v22.24.0', date: '2026-09-01', security: true },
    { version: 'v24.19.0', date: '2026-10-01', security: false },
  ];

  it('is looked up by range and line, and only for Linux', () => {
    expect(matchNodeCore(core, '24.16.0', releases)).toEqual([
      { id: 'CVE-2026-48930', aliases: [], severity: 'medium', fixedVersion: '24.17.0', fixedSince: '2026-06-17' },
    ]);
    expect(matchNodeCore(core, '24.17.0', releases)).toEqual([]);
    const old = { 7: { cve: ['CVE-7'], vulnerable: '0.10.x || 0.12.x', patched: '^0.10.42 || ^0.12.10' } };
    expect(matchNodeCore(old, '0.12.9', [])).toMatchObject([{ id: 'CVE-7', fixedVersion: '0.12.10' }]);
    // A line past its end matches nothing here: that is why somebody else says so.
    expect(matchNodeCore(core, '18.20.8', releases)).toEqual([]);
  });

  it('is behind when its line has a newer security release that the index does not know', () => {
    expect(newerSecurityReleases(releases, '24.17.0', new Set()).map(({ id }) => id)).toEqual([
      'NODE-SECURITY-RELEASE-24.18.0',
    ]);
    expect(newerSecurityReleases(releases, '24.18.0', new Set())).toEqual([]);
    expect(newerSecurityReleases(releases, '24.16.0', new Set(['24.17.0', '24.18.0']))).toEqual([]);
  });
});

describe('OpenVEX', () => {
  const document = (statement: object, timestamp = '2026-11-01T00:00:00Z') =>
    OpenVexSchema.parse({
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': `https://acme.example/vex/${timestamp}`,
      author: 'acme',
      timestamp,
      version: 1,
      statements: [
        {
          vulnerability: { name: 'CVE-1' },
          status: 'not_affected',
          justification: 'vulnerable_code_not_present',
          ...statement,
        },
      ],
    });
  const question = {
    names: ['GHSA-1', 'CVE-1'],
    image: ['pkg:oci/acme@sha256:1?arch=amd64', 'sha256:1'],
    component: 'pkg:deb/debian/libc6@2.41?arch=amd64',
  };

  it.each([
    ['the component', { products: [{ '@id': 'pkg:deb/debian/libc6' }] }, true],
    ['the component in this version', { products: [{ '@id': 'pkg:deb/debian/libc6@2.41' }] }, true],
    ['the component in another version', { products: [{ '@id': 'pkg:deb/debian/libc6@2.40' }] }, false],
    ['the image', { products: [{ '@id': 'pkg:oci/acme@sha256:1' }] }, true],
    ['another image', { products: [{ '@id': 'pkg:oci/acme@sha256:2' }] }, false],
    [
      'a component of the image',
      { products: [{ '@id': 'pkg:oci/acme', subcomponents: [{ '@id': 'pkg:deb/debian/libc6' }] }] },
      true,
    ],
    [
      'another component of the image',
      { products: [{ '@id': 'pkg:oci/acme', subcomponents: [{ '@id': 'pkg:deb/debian/zlib1g' }] }] },
      false,
    ],
    ['no product', {}, false],
    ['no justification', { products: [{ '@id': 'pkg:oci/acme' }], justification: undefined }, false],
    ['another vulnerability', { vulnerability: { name: 'CVE-2' }, products: [{ '@id': 'pkg:oci/acme' }] }, false],
  ])('that names %s', (_, statement, counts) => {
    expect(askVex([document(statement)], question) !== undefined).toBe(counts);
  });

  it('is believed in its newest statement', () => {
    const products = [{ '@id': 'pkg:oci/acme' }];
    const later = document({ products, status: 'affected', justification: undefined }, '2026-11-02T00:00:00Z');
    expect(askVex([later, document({ products })], question)?.status).toBe('affected');
  });
});

it('SARIF has a rule per vulnerability and a result per component', () => {
  const finding: Finding = {
    id: 'CVE-1',
    aliases: [],
    component: 'pkg:npm/a@1',
    name: 'a',
    version: '1',
    severity: 'high',
    kev: false,
    feeds: [],
  };
  const sarif = sarifDocument([finding, { ...finding, component: 'pkg:npm/b@1' }], {
    name: 'acme',
    digest: 'sha256:1',
  }) as {
    version: string;
    runs: { tool: { driver: { rules: unknown[] } }; results: { ruleIndex: number; level: string }[] }[];
  };
  expect(sarif.version).toBe('2.1.0');
  expect(sarif.runs[0]?.tool.driver.rules).toHaveLength(1);
  expect(sarif.runs[0]?.results).toMatchObject([{ ruleIndex: 0, level: 'error' }, { ruleIndex: 0 }]);
});
