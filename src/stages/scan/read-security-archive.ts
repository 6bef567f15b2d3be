import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { Failure } from '../../core/errors.ts';
import { compareDebianVersions } from '../../formats/deb/version.ts';
import { architectureOf } from '../../formats/oci/platform.ts';
import type { DebInput } from '../../sources/input.ts';
import { openPackageSource } from '../../sources/open-source.ts';
import type { SecurityPackage } from '../../sources/source.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { packagesOf, type Lock } from '../resolve/lock.ts';
import { createSourcePorts } from '../resolve/source-ports.ts';
import type { FeedPorts } from './feed-store.ts';
import { parseDebianChangelog, type SecurityArchive, type SecuritySource } from './security-archive.ts';

export interface ArchiveRequest extends FeedPorts {
  /** The packages that matter are those of the lock. */
  readonly lock: Lock;
  readonly aptFolder: string;
}

/**
 * Asks the mirrors of the recipe's Debian bases what their security suites have, and reads the changelog of each source
 * package that is newer there than in the lock. It needs nothing but the mirror, and its answer is signed.
 */
export async function readSecurityArchive(request: ArchiveRequest): Promise<Buffer> {
  const { loaded, store, context, lock, aptFolder } = request;
  const { ports, close } = createSourcePorts(store, loaded, context);
  const sources: SecuritySource[] = [];
  const dates: string[] = [];
  try {
    for (const [name, base] of Object.entries(loaded.recipe.bases)) {
      if (!('debian' in base) || !findSuite(base.debian, name).pockets.includes('-security')) continue;
      const suite = base.debian;
      const opened = await openPackageSource(base, ports, { aptFolder });
      const architectures = loaded.recipe.platforms.map(architectureOf);
      const newest = new Map<string, { version: string; packages: SecurityPackage[] }>();
      for (const architecture of architectures) {
        const { date, packages } = await opened.listSecurity(suite, architecture);
        dates.push(date);
        for (const item of packages) {
          const known = newest.get(item.sourceName);
          const order = known ? compareDebianVersions(item.sourceVersion, known.version) : 1;
          if (order > 0) newest.set(item.sourceName, { version: item.sourceVersion, packages: [item] });
          else if (order === 0) known?.packages.push(item);
        }
      }
      const installed = oldestInstalled(lock, suite);
      const found = await mapConcurrent(
        [...newest],
        4,
        async ([source, { version, packages }]): Promise<SecuritySource[]> => {
          const have = installed.get(source);
          // Of what no image has, nothing has to be known.
          if (have === undefined) return [];
          const isNewer = compareDebianVersions(version, have.version) > 0;
          const changelog = isNewer
            ? await readChangelog(packages, have.names, (item) => opened.readChangelog(item))
            : [];
          return [{ suite, name: source, version, changelog }];
        },
      );
      sources.push(...found.flat());
    }
  } finally {
    await close();
  }
  if (dates.length === 0)
    throw new Failure('FEED_INVALID', 'no base of the recipe has a security suite', {
      hint: 'leave out the feed debian-archive: it is about Debian bases',
    });
  const archive: SecurityArchive = {
    feed: 'debian-archive',
    // The oldest of them: the feed is as old as what it knows least about.
    date: dates.sort()[0] ?? '',
    sources: sources.sort((a, b) => compareText(`${a.suite} ${a.name}`, `${b.suite} ${b.name}`)),
  };
  return Buffer.from(canonicalJson(archive));
}

async function readChangelog(
  packages: readonly SecurityPackage[],
  names: readonly string[],
  read: (item: SecurityPackage) => Promise<string | undefined>,
) {
  // The binaries of one source have the same changelog, but some only link to it.
  const sorted = [...packages].sort(
    (a, b) => Number(names.includes(b.name)) - Number(names.includes(a.name)) || a.sizeBytes - b.sizeBytes,
  );
  for (const item of sorted.slice(0, 4)) {
    const text = await read(item);
    if (text !== undefined) return parseDebianChangelog(text).slice(0, 200);
  }
  return [];
}

/** Source packages of a suite in the lock: the oldest version, and the binaries. */
function oldestInstalled(lock: Lock, suite: string): Map<string, { version: string; names: string[] }> {
  const found = new Map<string, { version: string; names: string[] }>();
  const packages: DebInput[] = lock.systems.flatMap((system) => packagesOf(lock, system).flat());
  for (const { name, sourceName, sourceVersion, origin } of packages) {
    if (!origin.suite.startsWith(suite)) continue;
    const known = found.get(sourceName);
    if (!known) found.set(sourceName, { version: sourceVersion, names: [name] });
    else {
      known.names.push(name);
      if (compareDebianVersions(sourceVersion, known.version) < 0) known.version = sourceVersion;
    }
  }
  return found;
}
