import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import semver from 'semver';
import { describe, expect, it } from 'vitest';
import {
  capabilitiesOf,
  capabilityNames,
  capabilityTable,
  isInData,
  isProbed,
  limitationsOf,
  opensslLineOf,
} from './capabilities.ts';

describe('what a release can do', () => {
  it.each([
    ['22.20.0', 'heap-percentage', false],
    ['22.23.3', 'heap-percentage', true],
    ['24.0.0', 'heap-percentage', false],
    ['25.0.0', 'heap-percentage', true],
    ['8.0.0', 'heap-option', false],
    ['4.9.1', 'extra-ca', true],
    ['4.9.1', 'node-options', false],
    ['0.8.28', 'tls-verification', false],
    ['18.12.1', 'semi-space-option', false],
    ['18.13.0', 'semi-space-option', true],
    ['19.1.0', 'semi-space-option', false],
  ] as const)('%s has %s: %s', (release, name, has) => {
    expect(capabilitiesOf(release).has(name)).toBe(has);
  });

  it('is a valid range for each capability, and a release newer than the data does what its line does', () => {
    for (const name of capabilityNames) expect(semver.validRange(capabilityTable[name].since), name).not.toBeNull();
    expect(capabilitiesOf('26.99.0')).toEqual(capabilitiesOf('26.10.0'));
    expect(capabilitiesOf('99.0.0')).toEqual(capabilitiesOf('26.10.0'));
  });

  it.each([
    ['24.21.0', true],
    ['0.10.48', true],
    ['24.99.0', false],
    ['27.0.0', false],
    ['0.10.49', false],
    ['24.0.0-rc.1', false],
    ['22.0.0-nightly20240101', false],
  ])('speaks of %s: %s', (release, speaks) => {
    expect(isInData(release)).toBe(speaks);
  });

  it('is what the probe asks, but for what it cannot see', () => {
    const text = readFileSync(new URL('../test/battery/checks/capabilities/probe.js', import.meta.url), 'utf8');
    const module: { exports: { names: readonly string[] } } = { exports: { names: [] } };
    compileFunction(text, ['require', 'module'])(createRequire(import.meta.url), module);
    const { names } = module.exports;
    expect([...names].sort()).toEqual(capabilityNames.filter(isProbed).sort());
  });

  it('is told as limitations where somebody has to know, without the same remedy twice', () => {
    expect(limitationsOf(capabilitiesOf('26.10.0'))).toEqual([]);
    expect(limitationsOf(capabilitiesOf('24.0.0'))).toEqual([expect.stringContaining('set --max-old-space-size')]);
    const oldest = limitationsOf(capabilitiesOf('0.8.28'));
    expect(oldest).toContainEqual(expect.stringContaining('NODE_OPTIONS is not read'));
    expect(oldest).toContainEqual(expect.stringContaining("the system's authorities are not read"));
    expect(oldest.filter((text) => text.includes('max-old-space-size'))).toHaveLength(1);
  });

  it.each([
    ['0.8.28', '1.0.0'],
    ['0.12.18', '1.0.1'],
    ['10.15.0', '1.1.0'],
    ['10.16.0', '1.1.1'],
    ['11.8.0', '1.1.0'],
    ['16.20.2', '1.1.1'],
    ['17.0.0', '3.'],
  ])('OpenSSL of %s is %s', (release, line) => {
    expect(opensslLineOf(release, capabilitiesOf(release))).toBe(line);
  });

  it('is the one that a binary of one’s own was built on', () => {
    expect(opensslLineOf('16.20.2', new Set(['openssl-providers']))).toBe('3.');
  });
});
