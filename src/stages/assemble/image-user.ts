import { generatedFile, type TreeEntry } from '../../trees/image-tree.ts';
import type { FileSystemView } from '../../trees/read-image.ts';
import { imagePaths, imageUser } from '../plan/variants.ts';
import { entrypointScript } from './entrypoint-script.ts';

/**
 * A foreign system with our user in its account files, and our entrypoint where there is a shell to run it; a user who
 * has the number already is left as it is.
 */
export function imageUserEntries(
  view: FileSystemView,
  { mtime, hasShell }: { readonly mtime: number; readonly hasShell: boolean },
): TreeEntry[] {
  const { uid, gid, name } = imageUser;
  const added = new Map<string, string>();
  if (!hasId(view, view.realPath('etc/passwd'), uid))
    added.set(view.realPath('etc/passwd'), `${name}:x:${uid}:${gid}::/home/${name}:/sbin/nologin\n`);
  if (!hasId(view, view.realPath('etc/group'), gid)) added.set(view.realPath('etc/group'), `${name}:x:${gid}:\n`);
  const entries = view.entries.filter(({ path }) => !added.has(path) && path !== imagePaths.entrypoint);
  if (hasShell) entries.push({ path: imagePaths.entrypoint, node: generatedFile(entrypointScript, mtime, 0o755) });
  for (const [path, line] of added) {
    const node = view.get(path);
    const before = textOf(view, path);
    const gap = before === '' || before.endsWith('\n') ? '' : '\n';
    const file = generatedFile(Buffer.from(`${before}${gap}${line}`, 'latin1'), mtime);
    entries.push({
      path,
      node: node?.kind === 'file' ? { ...file, mode: node.mode, uid: node.uid, gid: node.gid } : file,
    });
  }
  return entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

function hasId(view: FileSystemView, path: string, id: number): boolean {
  return textOf(view, path)
    .split('\n')
    .some((line) => line.split(':')[2] === String(id));
}

function textOf(view: FileSystemView, path: string): string {
  const node = view.get(path);
  return node?.kind === 'file' ? view.read(node.content).toString('latin1') : '';
}
