import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFailure } from '../../core/errors.ts';
import type { TarEntry } from '../../formats/tar/entry.ts';
import { readTar } from '../../formats/tar/read-tar.ts';
import { tarPadding, tarTrailer, writeTarHeader } from '../../formats/tar/write-header.ts';
import { maxChangedPaths, type LayerChanges } from '../runtime.ts';

const noChanges: LayerChanges = { added: 0, changed: 0, removed: 0, paths: [] };
/** runc makes them to mount there what every container has. */
const mountPoints = new Set(['dev', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'proc', 'sys']);
const opaque = 'trusted.overlay.opaque';

/**
 * The upper folder of an overlay as the layer it stands for: whiteouts and opaque folders in the form of the image spec
 * ("Representing Changes"), the others as they are. Node.js cannot read extended attributes, so tar does.
 * @param lower folders below, the lowest first: what is there was changed, what is not was added
 */
export async function describeUpper(upper: string, lower: readonly string[]): Promise<LayerChanges> {
  if ((await readdir(upper)).length === 0) return noChanges;
  const args = ['--create', '--xattrs', '--xattrs-include=*', '--sort=name', '--numeric-owner', '--directory', upper];
  const child = spawn('tar', [...args, '.'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = new Promise((resolve) => child.on('error', resolve).on('close', resolve));
  const hash = createHash('sha256');
  const counts = { added: 0, changed: 0, removed: 0 };
  const paths: string[] = [];
  const note = (what: keyof typeof counts, path: string): void => {
    counts[what]++;
    if (paths.length < maxChangedPaths) paths.push(`${what.charAt(0).toUpperCase()} /${path}`);
  };
  let held: TarEntry | undefined;
  const limits = { name: 'a test layer', maxEntries: 2_000_000, maxTotalBytes: 8 * 2 ** 30, foreign: true };
  try {
    for await (const { entry, content } of readTar(child.stdout, limits)) {
      if (entry.path === '' || entry.path === '.' || mountPoints.has(entry.path)) continue;
      // A folder that only got mount points was not changed by anybody.
      if (entry.path === 'etc') {
        held = entry;
        continue;
      }
      if (held && entry.path.startsWith('etc/')) {
        for (const header of toLayerEntries(held)) hash.update(writeTarHeader(header));
        note('changed', held.path);
        held = undefined;
      }
      const stated = toLayerEntries(entry);
      for (const header of stated) hash.update(writeTarHeader(header));
      if (entry.kind === 'file') {
        for await (const chunk of content()) hash.update(chunk);
        hash.update(Buffer.alloc(tarPadding(entry.sizeBytes)));
      }
      if (isWhiteout(entry)) note('removed', entry.path);
      else note((await isBelow(lower, entry.path)) ? 'changed' : 'added', entry.path);
    }
    if (counts.added + counts.changed + counts.removed === 0) return noChanges;
    const diffId = `sha256:${hash.update(tarTrailer).digest('hex')}` as const;
    return { diffId, ...counts, paths };
  } catch (error) {
    // Names that no layer can hold: what was counted is true, and there is no digest.
    if (isFailure(error)) return { ...counts, paths };
    throw error;
  } finally {
    child.kill('SIGKILL');
    // What tar wrote after the end of the archive is read by nobody, and would keep its end from being noticed.
    child.stdout.destroy();
    await gone;
  }
}

/** An overlay's mark for what is gone: a character device 0,0. */
function isWhiteout({ kind, device }: TarEntry): boolean {
  return kind === 'character' && device?.major === 0 && device.minor === 0;
}

function toLayerEntries(entry: TarEntry): TarEntry[] {
  const { path } = entry;
  const at = path.lastIndexOf('/') + 1;
  const plain = { mode: 0o644, uid: 0, gid: 0, mtime: entry.mtime, sizeBytes: 0, kind: 'file' } as const;
  if (isWhiteout(entry)) return [{ ...plain, path: `${path.slice(0, at)}.wh.${path.slice(at)}` }];
  const { xattrs, ...rest } = entry;
  const kept = Object.entries(xattrs ?? {}).filter(([name]) => !name.startsWith('trusted.overlay.'));
  const stated: TarEntry = { ...rest, ...(kept.length > 0 ? { xattrs: Object.fromEntries(kept) } : {}) };
  return xattrs?.[opaque] === undefined ? [stated] : [stated, { ...plain, path: `${path}/.wh..wh..opq` }];
}

async function isBelow(lower: readonly string[], path: string): Promise<boolean> {
  for (const folder of lower) if (await lstat(join(folder, path)).catch(() => undefined)) return true;
  return false;
}
