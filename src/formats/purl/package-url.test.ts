import { describe, expect, it } from 'vitest';
import { packageUrl } from './package-url.ts';

// Canonical forms from the test suite of the purl specification.
describe('a package URL', () => {
  it.each([
    [
      {
        type: 'deb',
        namespace: 'debian',
        name: 'curl',
        version: '7.50.3-1',
        qualifiers: { arch: 'i386', distro: 'jessie' },
      },
      'pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie',
    ],
    [
      { type: 'deb', namespace: 'debian', name: 'attr', version: '1:2.4.47-2', qualifiers: { arch: 'amd64' } },
      'pkg:deb/debian/attr@1:2.4.47-2?arch=amd64',
    ],
    [
      { type: 'npm', namespace: '@angular', name: 'animation', version: '12.3.1' },
      'pkg:npm/%40angular/animation@12.3.1',
    ],
    [{ type: 'npm', name: 'foobar', version: '12.3.1' }, 'pkg:npm/foobar@12.3.1'],
    [
      { type: 'generic', name: 'openssl', version: '1.1.10g', qualifiers: { checksum: 'sha256:de4d501267da' } },
      'pkg:generic/openssl@1.1.10g?checksum=sha256:de4d501267da',
    ],
    [
      { type: 'deb', namespace: 'debian', name: 'libstdc++6', version: '14.2.0-19' },
      'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19',
    ],
    [
      {
        type: 'deb',
        namespace: 'debian',
        name: 'tini',
        version: '0.19.0-3+b8',
        qualifiers: { upstream: 'tini@0.19.0-3' },
      },
      'pkg:deb/debian/tini@0.19.0-3%2Bb8?upstream=tini%400.19.0-3',
    ],
    [{ type: 'generic', name: 'a b', qualifiers: { empty: '', none: undefined } }, 'pkg:generic/a%20b'],
  ])('%j', (parts, text) => {
    expect(packageUrl(parts)).toBe(text);
  });
});
