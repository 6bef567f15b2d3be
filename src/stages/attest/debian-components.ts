import { parseControl, type ControlStanza } from '../../formats/deb/control.ts';
import { packageUrl } from '../../formats/purl/package-url.ts';
import { debianLicenses } from '../../formats/sbom/licenses.ts';
import type { SbomComponent } from '../../formats/sbom/model.ts';
import type { ImageInventory } from './image-inventory.ts';
import type { SystemRelease } from './system-release.ts';

export interface FoundComponent {
  readonly component: SbomComponent;
  /** Paths that it claims; the first to claim one has it. */
  readonly paths: readonly string[];
}

/** Debian packages as dpkg's records in the image name them, whether in `status` or in `status.d/*`. */
export function debianComponents(image: ImageInventory, system: SystemRelease): FoundComponent[] {
  const found: FoundComponent[] = [];
  const separate = [...image.files.keys()].filter((path) => /^var\/lib\/dpkg\/status\.d\/[^/]+$/.test(path));
  for (const path of separate) {
    if (path.endsWith('.md5sums')) continue;
    const [stanza] = parseControl(image.readText(path) ?? '', path);
    if (!stanza) continue;
    const sums = image.readText(`${path}.md5sums`) ?? '';
    const paths = sums.split('\n').flatMap((line) => /^[0-9a-f]{32} {2}(.+)$/.exec(line)?.[1] ?? []);
    found.push(describe(image, stanza, system, [...paths, path, `${path}.md5sums`]));
  }
  const status = image.readText('var/lib/dpkg/status');
  if (status !== undefined) {
    const records = recordsOf(image);
    for (const stanza of parseControl(status, 'var/lib/dpkg/status')) {
      if (!/\binstalled$/.test(stanza.get('status') ?? '')) continue;
      const name = stanza.get('package') ?? '';
      const record = records.get(`${name}:${stanza.get('architecture')}`) ?? records.get(name);
      const list = record === undefined ? '' : (image.readText(`${record}.list`) ?? '');
      // A system with merged folders has files of /lib in /usr/lib.
      const paths = list.split('\n').flatMap((line) => {
        const plain = line.slice(1);
        return plain === '' ? [] : [plain, `usr/${plain}`];
      });
      const own = record === undefined ? [] : [...image.files.keys()].filter((path) => path.startsWith(`${record}.`));
      found.push(describe(image, stanza, system, [...paths, ...own]));
    }
  }
  return found;
}

/** `NAME` or `NAME:ARCH` to the path of its control files without their ending. */
function recordsOf(image: ImageInventory): Map<string, string> {
  const records = new Map<string, string>();
  for (const path of image.files.keys()) {
    const name = /^var\/lib\/dpkg\/info\/(.+)\.list$/.exec(path)?.[1];
    if (name !== undefined) records.set(name, `var/lib/dpkg/info/${name}`);
  }
  return records;
}

function describe(
  image: ImageInventory,
  stanza: ControlStanza,
  system: SystemRelease,
  paths: readonly string[],
): FoundComponent {
  const name = stanza.get('package') ?? '';
  const version = stanza.get('version') ?? '';
  const architecture = stanza.get('architecture');
  const [, sourceName = name, sourceVersion = version] = /^(\S+)(?: \((.+)\))?$/.exec(stanza.get('source') ?? '') ?? [];
  const upstream = sourceVersion === version ? sourceName : `${sourceName}@${sourceVersion}`;
  const isOwnSource = sourceName === name && sourceVersion === version;
  const purl = packageUrl({
    type: 'deb',
    namespace: system.id,
    name,
    version,
    qualifiers: {
      arch: architecture,
      distro: system.version === '' ? undefined : `${system.id}-${system.version}`,
      upstream: isOwnSource ? undefined : upstream,
    },
  });
  const copyright = image.readText(`usr/share/doc/${name}/copyright`) ?? '';
  return {
    component: {
      kind: 'deb',
      ref: purl,
      name,
      version,
      purl,
      licenses: debianLicenses(copyright),
      supplier: 'Debian',
      source: { name: sourceName, version: sourceVersion, suite: system.codename },
    },
    paths: [...paths, `usr/share/doc/${name}/copyright`],
  };
}
