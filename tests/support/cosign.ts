import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAptEntries } from '../../src/sources/debian/apt-configuration.ts';
import { run } from './matrix.ts';
import { temporaryFolder } from './workspace.ts';

/**
 * cosign as Debian packages it, unpacked to a folder of its own: the first version that reads bundles is newer than
 * the release that this machine may have. The mirror and its keys are those that apt is configured for.
 */
export async function obtainCosign(): Promise<string> {
  const folder = await temporaryFolder();
  const entries = await readAptEntries('/etc/apt');
  const [mirror] = entries.flatMap(({ uris, suites }) => (suites.some((suite) => /security/.test(suite)) ? [] : uris));
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(join(folder, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} sid main\n`);
  const options = [
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${folder}/lists`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, 'update', '-qq']);
  await run('sh', ['-c', 'cd "$0" && exec apt-get "$@"', folder, ...options, '-qq', 'download', 'cosign']);
  const deb = (await readdir(folder)).find((name) => name.endsWith('.deb')) ?? '';
  await run('dpkg-deb', ['-x', join(folder, deb), join(folder, 'root')]);
  return join(folder, 'root/usr/bin/cosign');
}
