import { addEnv, changeEnv, files, program, textFile, type BrokenImage } from './break-image.ts';

/** What lies around Node.js: files, owners, variables and configuration of the image. */
export const brokenSystem: readonly BrokenImage[] = [
  {
    ids: ['version'],
    what: 'a wrong os-release',
    breakage: files(textFile('usr/lib/os-release', 'VERSION_CODENAME=bookworm\n')),
  },
  { ids: ['arbitrary-user/own'], what: 'root as user', breakage: () => ({ config: { User: '0:0' } }) },
  {
    ids: ['arbitrary-user/any'],
    what: 'a working folder of one user only',
    breakage: files({ path: 'app', kind: 'directory', mode: 0o755, uid: 1000, gid: 1000 }),
  },
  {
    ids: ['diagnostics/report', 'diagnostics/heap-snapshot', 'fatal-report'],
    what: 'no place for diagnostics',
    breakage: files({ path: 'var/diagnostics', kind: 'directory', mode: 0o755, uid: 0, gid: 0 }),
  },
  {
    ids: ['tls-store/system'],
    what: 'a store that is not honoured',
    breakage: changeEnv((line) => (line.startsWith('NODE_USE_SYSTEM_CA') ? undefined : line)),
  },
  {
    ids: ['tls-store/unknown'],
    what: 'an authority everybody trusts',
    breakage: addEnv('NODE_TLS_REJECT_UNAUTHORIZED=0'),
  },
  {
    ids: ['ca-bundle', 'data-age/system'],
    what: 'no bundle',
    breakage: files(textFile('etc/ssl/certs/ca-certificates.crt', '')),
  },
  {
    ids: ['data-age/system'],
    what: 'old time zones',
    breakage: files(textFile('usr/share/zoneinfo/tzdata.zi', '# version 2019a\n')),
  },
  { ids: ['dns-files'], what: 'no names of services', breakage: files(textFile('etc/services', '')) },
  { ids: ['time-zones/system'], what: 'another local time', breakage: files(textFile('etc/localtime', 'no zone')) },
  { ids: ['file-modes'], what: 'a shell', breakage: files(program('usr/bin/sh', '#!')) },
  {
    ids: ['file-modes', 'file-privileges/set-id'],
    what: 'a set-id file',
    breakage: files(textFile('usr/bin/x', 'x', { mode: 0o4755 })),
  },
  {
    ids: ['file-privileges/capabilities'],
    what: 'a file capability',
    breakage: () => ({ files: [textFile('usr/bin/x', 'x')], capable: ['usr/bin/x'] }),
  },
  {
    ids: ['file-modes', 'world-writable'],
    what: 'a folder everybody may write',
    breakage: files({ path: 'opt/open', kind: 'directory', mode: 0o777, uid: 0, gid: 0 }),
  },
  { ids: ['configuration'], what: 'another user', breakage: () => ({ config: { User: 'node' } }) },
  { ids: ['secrets'], what: 'a token in a variable', breakage: addEnv('DEPLOY_TOKEN=abc') },
  { ids: ['secrets'], what: 'settings of npm with credentials', breakage: files(textFile('home/node/.npmrc', 'x')) },
  {
    ids: ['libraries'],
    what: 'a library that is gone',
    breakage: files(textFile('usr/lib/x86_64-linux-gnu/.wh.libstdc++.so.6', '')),
  },
  { ids: ['owners'], what: 'a file of nobody known', breakage: files(textFile('opt/x', 'x', { uid: 4242 })) },
  { ids: ['owners'], what: 'a file of nobody', breakage: files(textFile('opt/x', 'x', { uid: 65_534 })) },
  {
    ids: ['links'],
    what: 'a link to nothing',
    breakage: files({ path: 'opt/link', kind: 'symlink', mode: 0o777, uid: 0, gid: 0, target: '/opt/none' }),
  },
  { ids: ['leftovers'], what: 'package lists', breakage: files(textFile('var/lib/apt/lists/some_Packages', 'x')) },
];
