import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareText } from '../../core/canonical-json.ts';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists } from '../../core/files.ts';
import { parseControl } from '../../formats/deb/control.ts';

export interface AptEntry {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Paths of keyrings, or an armored block. */
  readonly signedBy: readonly string[];
}

export interface DebianMirrors {
  /** Addresses with a final slash. */
  readonly main: string;
  readonly security: string;
  readonly keyring: readonly Uint8Array[];
}

export interface MirrorOverrides {
  readonly mirror?: string;
  readonly securityMirror?: string;
  /** Absolute path. */
  readonly keyring?: string;
}

const debianSuitePattern =
  /^(?:stable|oldstable|oldoldstable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)(?:-updates)?$/;
const securitySuitePattern = /^(?:[a-z]+)(?:-security|\/updates)$/;

/**
 * Which Debian archives this machine uses, read from apt's own files (sources.list(5)); the recipe wins over them.
 * @param aptFolder `/etc/apt` on a real machine
 * @throws Failure SOURCE_UNCONFIGURED when neither apt nor the recipe names an archive or its keys
 */
export async function findDebianMirrors(aptFolder: string, overrides: MirrorOverrides): Promise<DebianMirrors> {
  const entries = await readAptEntries(aptFolder);
  const mainEntry = entries.find(
    (entry) => entry.components.includes('main') && entry.suites.some((suite) => debianSuitePattern.test(suite)),
  );
  const securityEntry = entries.find(
    (entry) => entry.components.includes('main') && entry.suites.some((suite) => securitySuitePattern.test(suite)),
  );
  return {
    main: address(overrides.mirror ?? mainEntry?.uris[0], 'mirror', 'Debian archive'),
    security: address(overrides.securityMirror ?? securityEntry?.uris[0], 'securityMirror', 'Debian security archive'),
    keyring: await readKeyrings(overrides.keyring, [mainEntry, securityEntry], aptFolder),
  };
}

export async function readAptEntries(aptFolder: string): Promise<AptEntry[]> {
  const parts = join(aptFolder, 'sources.list.d');
  const names = await readdir(parts).catch(() => [] as string[]);
  const entries = parseOneLineSources((await readTextIfExists(join(aptFolder, 'sources.list'))) ?? '');
  for (const name of names.sort(compareText)) {
    const text = (await readTextIfExists(join(parts, name))) ?? '';
    if (name.endsWith('.list')) entries.push(...parseOneLineSources(text));
    else if (name.endsWith('.sources')) entries.push(...parseDeb822Sources(text, name));
  }
  return entries;
}

function parseOneLineSources(text: string): AptEntry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match?.[2] || !match[3]) return [];
    const signedBy = /signed-by=(\S+)/i.exec(match[1] ?? '')?.[1];
    return [
      {
        uris: [match[2]],
        suites: [match[3]],
        components: words(match[4]),
        signedBy: signedBy ? signedBy.split(',') : [],
      },
    ];
  });
}

function parseDeb822Sources(text: string, name: string): AptEntry[] {
  return parseControl(text, name)
    .filter((stanza) => words(stanza.get('types')).includes('deb') && stanza.get('enabled')?.toLowerCase() !== 'no')
    .map((stanza) => {
      const signedBy = stanza.get('signed-by') ?? '';
      return {
        uris: words(stanza.get('uris')),
        suites: words(stanza.get('suites')),
        components: words(stanza.get('components')),
        signedBy: signedBy.includes('BEGIN PGP') ? [signedBy.trimStart()] : words(signedBy),
      };
    });
}

async function readKeyrings(
  override: string | undefined,
  entries: readonly (AptEntry | undefined)[],
  aptFolder: string,
): Promise<Uint8Array[]> {
  const named = override ? [override] : [...new Set(entries.flatMap((entry) => entry?.signedBy ?? []))];
  const sources = named.length > 0 ? named : await trustedParts(aptFolder);
  const keyrings: Uint8Array[] = [];
  for (const source of sources) {
    if (source.includes('BEGIN PGP')) {
      keyrings.push(Buffer.from(source));
      continue;
    }
    try {
      keyrings.push(await readFile(source));
    } catch (error) {
      throw new Failure('SOURCE_UNCONFIGURED', `the archive keyring ${source} cannot be read`, {
        hint: 'install the package debian-archive-keyring, or name a keyring under the base in the recipe',
        cause: error,
      });
    }
  }
  if (keyrings.length > 0) return keyrings;
  throw new Failure('SOURCE_UNCONFIGURED', 'no keys of the Debian archive are on this machine', {
    hint: 'install the package debian-archive-keyring, or name a keyring under the base in the recipe',
  });
}

/** Without Signed-By, apt trusts every key of its own folder. */
async function trustedParts(aptFolder: string): Promise<string[]> {
  const folder = join(aptFolder, 'trusted.gpg.d');
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .filter((name) => /\.(?:asc|gpg)$/.test(name))
    .sort(compareText)
    .map((name) => join(folder, name));
}

function address(uri: string | undefined, key: string, what: string): string {
  if (uri && /^https?:\/\//.test(uri)) return `${uri.replace(/\/+$/, '')}/`;
  throw new Failure('SOURCE_UNCONFIGURED', `apt names no ${what} on this machine`, {
    hint: `add it to apt's sources, or name it under the base in the recipe: ${key}: https://…`,
  });
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}
