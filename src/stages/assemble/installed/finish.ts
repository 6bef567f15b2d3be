import { Failure } from '../../../core/errors.ts';
import { imagePaths, imageUser } from '../../plan/variants.ts';
import { generatedFile, type FileContent, type ImageTree } from '../../../trees/image-tree.ts';
import { entrypointScript } from '../entrypoint-script.ts';
import { documentOptions } from './documents.ts';

export interface FinishContext {
  readonly mtime: number;
  readonly read: (content: FileContent) => Buffer;
  /** Lines of `/etc/apt/sources.list.d/nodeworthy.list`. */
  readonly aptSources: string;
}

/** No service may start while packages are installed in a derived image (policy of invoke-rc.d). */
const policy = '#!/bin/sh\nexit 101\n';

const aptOptions = `APT::AutoRemove::SuggestsImportant "false";
Acquire::GzipIndexes "true";
Acquire::Languages "none";
Binary::apt::APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`;

/** What makes an installed Debian the base of images: the user, the entrypoint, where apt looks, what it leaves out. */
export function finishSystem(tree: ImageTree, context: FinishContext): void {
  const { mtime, read } = context;
  const { uid, gid, name } = imageUser;
  const day = Math.floor(mtime / 86_400);
  appendLine('etc/passwd', `${name}:x:${uid}:${gid}::/home/${name}:/bin/bash`);
  appendLine('etc/group', `${name}:x:${gid}:`);
  appendLine('etc/shadow', `${name}:!:${day}:0:99999:7:::`);
  appendLine('etc/gshadow', `${name}:!::`);
  tree.set(imagePaths.entrypoint, generatedFile(entrypointScript, mtime, 0o755));
  tree.set('usr/sbin/policy-rc.d', generatedFile(policy, mtime, 0o755));
  tree.set('etc/apt/apt.conf.d/nodeworthy', generatedFile(aptOptions, mtime));
  tree.set('etc/apt/sources.list.d/nodeworthy.list', generatedFile(context.aptSources, mtime));
  tree.set('etc/dpkg/dpkg.cfg.d/nodeworthy', generatedFile(`force-unsafe-io\n${documentOptions}`, mtime));

  function appendLine(path: string, line: string): void {
    const before = tree.get(path);
    if (before?.kind !== 'file') {
      if (path.endsWith('shadow')) return;
      throw new Failure('SOURCE_INVALID', `the installed system has no /${path}`);
    }
    const text = read(before.content).toString('utf8');
    const { mode, uid: owner, gid: group } = before;
    tree.set(path, { ...generatedFile(`${text}${line}\n`, mtime), mode, uid: owner, gid: group });
  }
}

/** The archive's own address, from the example that apt's package brings: none is written in this project. */
export function exampleSources(text: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('deb '));
  return lines
    .map(
      (line) =>
        `${line.replace(/^deb (\S+ \S+) main.*$/, 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 main')}\n`,
    )
    .join('');
}
