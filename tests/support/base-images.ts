import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './matrix.ts';
import { temporaryFolder } from './workspace.ts';

/** Files of an image: text, or a path of this machine to copy. */
export type RootFiles = Readonly<Record<string, string | { readonly copy: string }>>;

const libraries = '/usr/lib/x86_64-linux-gnu';

/** What a Node.js binary needs of glibc, from this machine; a shell and what a client's system would have. */
export function glibcRoot(): RootFiles {
  const names = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'libgcc_s.so.1', 'libstdc++.so.6'];
  return {
    'etc/os-release': 'ID=acme-linux\nVERSION_ID="9.1"\nNAME="Acme Linux"\n',
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nclient:x:500:500::/home:/bin/sh\n',
    'etc/group': 'root:x:0:\nclient:x:500:\n',
    'etc/hosts': '127.0.0.1 localhost\n',
    'bin/sh': { copy: '/bin/dash' },
    'usr/bin/env': { copy: '/usr/bin/env' },
    'lib64/ld-linux-x86-64.so.2': { copy: '/lib64/ld-linux-x86-64.so.2' },
    ...Object.fromEntries(names.map((name) => [`lib/x86_64-linux-gnu/${name}`, { copy: `${libraries}/${name}` }])),
    'etc/ssl/certs/ca-certificates.crt': { copy: '/etc/ssl/certs/ca-certificates.crt' },
    'tmp/.keep': '',
  };
}

export function muslRoot(): RootFiles {
  return {
    'etc/os-release': 'ID=alpine-like\nVERSION_ID=3.99.0\n',
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    'etc/group': 'root:x:0:\n',
    'lib/ld-musl-x86_64.so.1': { copy: '/lib/ld-musl-x86_64.so.1' },
  };
}

/** Makes an image of a root, and a second layer when it is given, with umoci, and pushes it with skopeo. */
export async function pushBase(
  reference: string,
  layers: readonly RootFiles[],
  whiteouts: readonly string[] = [],
): Promise<void> {
  const folder = await temporaryFolder();
  const layout = join(folder, 'layout');
  const umoci = (...args: string[]): Promise<string> => run('umoci', args);
  await umoci('init', '--layout', layout);
  await umoci('new', '--image', `${layout}:base`);
  for (const [at, files] of layers.entries()) {
    const root = join(folder, `root${at}`);
    for (const [path, content] of Object.entries(files)) {
      const target = join(root, path);
      await mkdir(dirname(target), { recursive: true });
      if (typeof content === 'string') await writeFile(target, content);
      else await cp(content.copy, target, { dereference: true });
    }
    await umoci('insert', '--image', `${layout}:base`, root, '/');
  }
  for (const path of whiteouts) await umoci('insert', '--image', `${layout}:base`, '--whiteout', path);
  await umoci('config', '--image', `${layout}:base`, '--config.env', 'CLIENT=acme', '--config.user', '500');
  await run('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}:base`, `docker://${reference}`]);
}
