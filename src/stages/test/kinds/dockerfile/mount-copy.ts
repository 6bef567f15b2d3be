import { chmod, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { removeTree } from '../../../../core/files.ts';
import { keptFolder } from '../../../../store/kept-files.ts';
import type { LayoutStore } from '../../../../store/layout/layout-store.ts';
import type { BuildContext, FoundSource } from './build-context.ts';

/** Copies that containers see in the place of the test's own files. */
export interface MountCopies {
  /** @returns a file or folder with what was found, and nothing else */
  copy(context: BuildContext, found: FoundSource): Promise<string>;
  remove(): Promise<void>;
}

/**
 * What is mounted is what was looked at: the files are copied through the same handles, without `.dockerignore`'s, so
 * that no link, pattern or later change leads a container to anything else of this machine.
 */
export async function openMountCopies(store: LayoutStore): Promise<MountCopies> {
  const folder = await mkdtemp(join(await keptFolder(store, 'tmp'), 'mounts-'));
  let count = 0;
  return {
    async copy(context, { root, inside }) {
      const top = join(folder, String(count++));
      for (const entry of [root, ...inside]) {
        const place = entry === root ? top : join(top, posix.relative(root.path, entry.path));
        await mkdir(dirname(place), { recursive: true });
        if (entry.kind === 'directory') {
          await mkdir(place, { recursive: true });
          await chmod(place, 0o755);
        } else if (entry.kind === 'symlink') await symlink(entry.target ?? '', place);
        else {
          await writeFile(place, await context.read(entry), { flag: 'wx' });
          await chmod(place, entry.isExecutable ? 0o755 : 0o644);
        }
      }
      return top;
    },
    remove: () => removeTree(folder),
  };
}
