import { describe, expect, it } from 'vitest';
import { allowedSettings, leadsElsewhere } from './registry-only.ts';

describe('settings of npm in a test', () => {
  it('name registries and logins of its own', () => {
    const text = 'registry=https://npm.example.com/\n@acme:registry = https://npm.example.com/acme/\n';
    const login = '//npm.example.com/:_authToken=abc\n';
    expect(allowedSettings(`; ours\n${text}${login}save-exact=true\nfund = false\n\n`)).toBe(`${text}${login}`);
    expect(allowedSettings('')).toBe('');
    expect(allowedSettings('ignore-scripts=true\nstrict-ssl=true\nfetch-retries=3\nomit[]=dev\n')).toBe('omit[]=dev\n');
  });

  it.each([
    'git=../../x.sh',
    'git = ./x.sh',
    'cache=/root/x',
    'logs-dir=/etc',
    'prefix=/usr',
    'globalconfig=/etc/npmrc',
    'userconfig=x',
    'node-options=--require ./x.js',
    'script-shell=/x',
    'cafile=/etc/shadow',
    '//npm.example.com/:certfile=/etc/shadow',
    'foreground-scripts',
    'tmp[]=x',
    '[section]',
    'registry=${HOME}',
    '"git"=x',
  ])('do not say %s', (line) => {
    expect(() => allowedSettings(`fund=false\n${line}\n`)).toThrow(/may not|names/);
  });
});

describe('a lock', () => {
  const lock = (entry: object): string =>
    JSON.stringify({
      lockfileVersion: 3,
      packages: { '': { dependencies: { a: '^1.0.0' } }, 'node_modules/a': entry },
    });

  it('leads to registries', () => {
    const resolved = 'https://npm.example.com/a/-/a-1.0.0.tgz';
    expect(
      leadsElsewhere(lock({ version: '1.0.0', resolved, dependencies: { b: '1 || >=2 <3', c: 'npm:@x/d@~4' } })),
    ).toBe(undefined);
    expect(leadsElsewhere(lock({ version: '1.0.0', peerDependencies: { b: '*', c: 'latest', d: '' } }))).toBe(
      undefined,
    );
    const old = { lockfileVersion: 1, dependencies: { a: { version: '1.0.0', resolved, dependencies: {} } } };
    expect(leadsElsewhere(JSON.stringify(old))).toBe(undefined);
    expect(
      leadsElsewhere(
        '{"dependencies":{"a":"https://example.com/a.tgz"},"overrides":{"a":"$a","b":{"@types/a":"$@types/a"}}}',
      ),
    ).toBe(undefined);
  });

  it.each([
    'file:/etc',
    'FILE:/etc',
    'link:../x',
    '../x',
    './x',
    '/etc',
    '~/x',
    '.',
    'x.tgz',
    'C:\\x',
    'git+file:///repo',
    'git+ssh://git@example.com/x',
    'git@example.com:x/y.git',
    'github:x/y',
    'x/y',
    'npm:a@file:/etc',
    'workspace:*',
  ])('is refused when a dependency is %s', (spec) => {
    expect(leadsElsewhere(JSON.stringify({ dependencies: { a: spec } }))).toContain(spec);
    expect(leadsElsewhere(lock({ version: '1.0.0', dependencies: { b: spec } }))).toContain(spec);
    expect(leadsElsewhere(JSON.stringify({ overrides: { a: { b: spec } } }))).toContain(spec);
    expect(leadsElsewhere(JSON.stringify({ dependencies: { a: { version: spec } } }))).toContain(spec);
  });

  it.each([
    [{ resolved: 'file:../x' }, 'file:../x'],
    [{ resolved: 'packages/a', link: true }, 'link'],
    [{ resolved: 'git+ssh://git@example.com/x.git#abc' }, 'git+ssh'],
  ])('is refused when a package is %j', (entry, said) => {
    expect(leadsElsewhere(lock(entry))).toContain(said);
    expect(leadsElsewhere(lock(entry).replace('"file:', '"\\u0066ile:'))).toContain(said);
  });
});
