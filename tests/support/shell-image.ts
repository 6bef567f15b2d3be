import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { glibcRoot } from './base-images.ts';
import { run } from './matrix.ts';
import { temporaryFolder } from './workspace.ts';

const applets =
  'cat chmod chown cp dd echo env false grep head id kill ln ls mkdir mv ps rm sed sh sleep stat tail test touch true tty wc yes';

/**
 * An image of somebody else: Node.js, a shell and small tools, and nothing of ours. Made with umoci, in a layout.
 * @returns its reference, like `oci:/folder/layout:app`
 */
export async function makeShellImage(more: readonly string[] = []): Promise<string> {
  const folder = await temporaryFolder();
  const layout = join(folder, 'layout');
  const root = join(folder, 'root');
  const umoci = (...args: string[]): Promise<string> => run('umoci', args);
  const busybox = await run('sh', ['-c', 'command -v busybox']);
  const { 'bin/sh': _, ...files } = glibcRoot();
  const all = { ...files, 'bin/busybox': { copy: busybox }, 'usr/local/bin/node': { copy: process.execPath } };
  for (const [path, content] of Object.entries({ ...all, 'app/readme.txt': 'an application\n' })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'string') await writeFile(join(root, path), content);
    else await cp(content.copy, join(root, path), { dereference: true });
  }
  for (const applet of applets.split(' ')) await symlink('busybox', join(root, 'bin', applet));
  await symlink('readme.txt', join(root, 'app/link'));
  await chmod(join(root, 'tmp'), 0o1777);
  await umoci('init', '--layout', layout);
  await umoci('new', '--image', `${layout}:app`);
  await umoci('insert', '--image', `${layout}:app`, root, '/');
  const config = [
    ...['--config.env', 'PATH=/usr/local/bin:/bin', '--config.env', 'STAGE=test', '--config.user', '500:500'],
    ...['--config.workingdir', '/app', '--config.cmd', 'node', '--config.label', 'team=acme'],
    ...['--config.exposedports', '8080/tcp', '--config.volume', '/data', ...more],
  ];
  await umoci('config', '--image', `${layout}:app`, ...config);
  return `oci:${layout}:app`;
}
