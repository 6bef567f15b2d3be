import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { matchesGlob } from '../../core/glob.ts';
import type { Overlay } from '../../config/overlay.ts';

/** What all overlays of a cell want together. */
export interface MergedOverlay extends Omit<Overlay, 'name' | 'digest' | 'cells'> {
  /** Name and digest of each overlay, for the image's labels. */
  readonly sources: Readonly<Record<string, string>>;
}

/**
 * The overlays that are for a cell as one. Two that want different things of the same are a conflict: an order that
 * nobody thinks of must not decide it.
 * @throws Failure RECIPE_INVALID names both overlays and what they disagree about
 */
export function mergeOverlays(overlays: readonly Overlay[], cell: string): MergedOverlay {
  const own = overlays.filter((overlay) => overlay.cells === undefined || matchesGlob(overlay.cells, cell));
  const claims = new Map<string, { readonly owner: string; readonly value: string }>();
  function claim(owner: string, key: string, value: string): void {
    const before = claims.get(key);
    if (before && before.value !== value) {
      throw new Failure(
        'RECIPE_INVALID',
        `the overlays ${before.owner} and ${owner} disagree about ${key} of ${cell}`,
        {
          hint: `one says ${JSON.stringify(before.value)}, the other ${JSON.stringify(value)}; keep one, or give each its own cells`,
        },
      );
    }
    claims.set(key, { owner, value });
  }
  for (const { name, ...overlay } of own) {
    for (const [key, value] of Object.entries(overlay.environment)) claim(name, `environment.${key}`, value);
    for (const [key, value] of Object.entries(overlay.npm)) claim(name, `npm.${key}`, value);
    for (const [key, value] of Object.entries(overlay.labels)) claim(name, `labels.${key}`, value);
    for (const option of overlay.nodeOptions) claim(name, `nodeOptions ${option.split('=')[0]}`, option);
    for (const file of overlay.files)
      claim(name, `files /${file.path}`, `${file.mode} ${file.uid}:${file.gid} ${digestOf(file.bytes)}`);
    for (const user of overlay.users) {
      claim(name, `users ${user.name}`, JSON.stringify(user));
      claim(name, `users ${user.uid}`, user.name);
    }
    for (const { name: certificate, pem } of overlay.certificates) claim(name, `certificates ${certificate}`, pem);
    if (overlay.user !== undefined) claim(name, 'user', overlay.user);
    if (overlay.timeZone !== undefined) claim(name, 'timeZone', overlay.timeZone);
    if (overlay.heapPercentage !== undefined) claim(name, 'tuning.heapPercentage', String(overlay.heapPercentage));
    // The same setting by another name: both ways lead into NODE_OPTIONS.
    if (overlay.semiSpaceMb !== undefined)
      claim(name, `nodeOptions ${semiSpaceOption}`, semiSpaceSetting(overlay.semiSpaceMb));
  }
  return {
    environment: Object.assign({}, ...own.map((overlay) => overlay.environment)) as Record<string, string>,
    nodeOptions: [...new Set(own.flatMap((overlay) => overlay.nodeOptions))],
    npm: Object.assign({}, ...own.map((overlay) => overlay.npm)) as Record<string, string>,
    certificates: unique(
      own.flatMap((overlay) => overlay.certificates),
      (item) => item.name,
    ),
    timeZone: own.findLast((overlay) => overlay.timeZone !== undefined)?.timeZone,
    files: unique(
      own.flatMap((overlay) => overlay.files),
      (file) => file.path,
    ),
    user: own.findLast((overlay) => overlay.user !== undefined)?.user,
    users: unique(
      own.flatMap((overlay) => overlay.users),
      (user) => user.name,
    ),
    labels: Object.assign({}, ...own.map((overlay) => overlay.labels)) as Record<string, string>,
    packages: [...new Set(own.flatMap((overlay) => overlay.packages))].sort(),
    heapPercentage: own.findLast((overlay) => overlay.heapPercentage !== undefined)?.heapPercentage,
    semiSpaceMb: own.findLast((overlay) => overlay.semiSpaceMb !== undefined)?.semiSpaceMb,
    sources: Object.fromEntries(own.map((overlay) => [overlay.name, overlay.digest])),
  };
}

const semiSpaceOption = '--max-semi-space-size';

/** The size of the young generation as an option of V8, in MiB per semi-space. */
export function semiSpaceSetting(mebibytes: number): string {
  return `${semiSpaceOption}=${mebibytes}`;
}

function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
