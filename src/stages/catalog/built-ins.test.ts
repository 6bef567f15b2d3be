import { describe, expect, it } from 'vitest';
import { builtInsOf } from './built-ins.ts';
import { capabilitiesOf } from './capabilities.ts';

const of = (release: string) => builtInsOf(release, capabilitiesOf(release));

describe('modules and globals of a release', () => {
  it.each([
    ['0.8.28', 'fs', 'v8'],
    ['10.0.0', 'fs/promises http2 trace_events', 'worker_threads'],
    ['10.24.1', 'http2 perf_hooks', 'fs/promises worker_threads'],
    ['14.17.0', 'fs/promises', 'diagnostics_channel'],
    ['22.13.0', 'node:sqlite node:test', 'node:ffi'],
    ['26.12.1', 'node:ffi', ''],
  ])('%s has %s and lacks %s', (release, has, lacks) => {
    const { modules } = of(release).has;
    for (const name of has.split(' ')) expect(modules).toContain(name);
    for (const name of lacks.split(' ')) expect(modules).not.toContain(name);
    expect(of(release).lacks.modules).toEqual(expect.arrayContaining(lacks.split(' ').filter(Boolean)));
  });

  it('names nothing twice, and nothing on both sides', () => {
    for (const release of ['0.8.28', '12.0.0', '24.21.0'])
      for (const kind of ['modules', 'globals'] as const) {
        const all = [...of(release).has[kind], ...of(release).lacks[kind]];
        expect(new Set(all).size).toBe(all.length);
      }
  });

  it('are not denied to a release that the data does not speak of', () => {
    expect(of('99.0.0').lacks).toEqual({ modules: [], globals: [] });
    expect(of('99.0.0').has.globals).toContain('fetch');
  });

  it('leave out what a build of one’s own does not have', () => {
    const without = new Set([...capabilitiesOf('24.21.0')].filter((name) => name !== 'inspector'));
    expect(builtInsOf('24.21.0', without).has.modules).not.toContain('inspector');
    const small = new Set([...capabilitiesOf('24.21.0')].filter((name) => name !== 'full-icu'));
    expect(builtInsOf('24.21.0', small).has.globals).not.toContain('Intl');
    const found = builtInsOf('27.0.0', capabilitiesOf('27.0.0'), { modules: ['punycode'], globals: ['escape'] });
    expect(found.has.modules).not.toContain('punycode');
    expect(found.has.globals).not.toContain('escape');
    expect(found.lacks).toEqual({ modules: ['punycode'], globals: ['escape'] });
    expect(of('24.21.0').has.globals).toContain('Intl');
    expect(of('12.22.12').has.globals).toContain('Intl');
  });
});
