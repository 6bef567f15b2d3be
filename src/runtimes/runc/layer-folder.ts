import { chmod, chown, lchown, lstat, mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { resolveLink } from '../../formats/tar/path.ts';
import type { LayerFile } from '../runtime.ts';

export interface LayerFolder {
  readonly folder: string;
  readonly below: readonly string[];
}

/** Puts a file of a test layer where the image would have it. */
export async function writeLayerFile(layer: LayerFolder, file: LayerFile): Promise<void> {
  const path = join(await makeParents(layer, dirname(file.path)), basename(file.path));
  if (file.kind === 'symlink') {
    await symlink(file.target ?? '', path);
    await lchown(path, file.uid, file.gid);
    return;
  }
  if (file.kind === 'directory') await mkdir(path, { recursive: true });
  else await writeFile(path, file.bytes ?? new Uint8Array());
  await chown(path, file.uid, file.gid);
  await chmod(path, file.mode);
}

/**
 * A folder of an upper layer hides owner and mode of the one below it, and replaces a symlink there: so each parent
 * is made like what the image has, and links are followed inside the image.
 */
async function makeParents({ folder, below }: LayerFolder, path: string): Promise<string> {
  let at = '';
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let hops = 0; parts.length > 0;) {
    const next = join(at, String(parts.shift()));
    const found = await findBelow([...below, folder], next);
    if (found?.stats.isSymbolicLink() && hops++ < 40) {
      parts.unshift(
        ...resolveLink(next, await readlink(found.path))
          .split('/')
          .filter(Boolean),
      );
      at = '';
      continue;
    }
    await mkdir(join(folder, next), { recursive: true });
    if (found) {
      await chown(join(folder, next), found.stats.uid, found.stats.gid);
      await chmod(join(folder, next), found.stats.mode & 0o7777);
    }
    at = next;
  }
  return join(folder, at);
}

async function findBelow(layers: readonly string[], path: string) {
  for (const layer of [...layers].reverse()) {
    const stats = await lstat(join(layer, path)).catch(() => undefined);
    if (stats) return { path: join(layer, path), stats };
  }
  return undefined;
}
