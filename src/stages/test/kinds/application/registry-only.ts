import { parseJson } from '../../../../core/json.ts';

/**
 * What an `.npmrc` of a test may set. Others can name programs that npm starts and folders that it writes to; those that
 * change nothing of an installation from a lock are left out without a word.
 */
const allowed =
  /^(?:registry|@[\w.~-]+:registry|legacy-peer-deps|strict-peer-deps|engine-strict|omit(?:\[\])?|include(?:\[\])?|optional)$/;
const ofHost = /^\/\/[^\s]+\/:(?:_authToken|_auth|username|_password|email)$/;
const idle =
  /^(?:ignore-scripts|always-auth|strict-ssl|prefer-(?:offline|online|dedupe)|fetch-(?:retries|retry-[\w-]+|timeout)|maxsockets|lockfile-version|install-strategy|engine-strict|node-version|browser|editor|searchlimit|audit|audit-level|fund|progress|loglevel|color|save|save-exact|save-prefix|package-lock|update-notifier|init[.-][\w.-]+|access|tag|tag-version-prefix|sign-git-tag|message)$/;

/** Lines of an `.npmrc` that npm gets. @throws Error with what is not for a test to set, in words */
export function allowedSettings(text: string): string {
  const kept: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const plain = line.trim();
    if (plain === '' || /^[;#]/.test(plain)) continue;
    const variable = /\$\{[^}]*\}/.exec(plain)?.[0];
    if (variable !== undefined)
      throw new Error(
        `names ${variable}: variables are for the npm configuration of this user, a test could send them elsewhere`,
      );
    const name = /^([^=\s[\]]+(?:\[\])?)\s*(?:=|$)/.exec(plain)?.[1] ?? plain;
    if (allowed.test(name) || ofHost.test(name)) kept.push(plain);
    else if (!idle.test(name))
      throw new Error(`sets ${name}, which a test may not: set it in the npm configuration of this user`);
  }
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`;
}

interface Entry {
  readonly [field: string]: unknown;
}

const groups = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const;
const maxDepth = 100;

/**
 * Whether a manifest or lock of npm (package-lock.json, versions 1 to 3) leads to packages of registries and nowhere
 * else: folders, archives and repositories would be those of this machine.
 * @returns what leads elsewhere, as it stands there; undefined when nothing does
 * @throws SyntaxError for what is no JSON
 */
export function leadsElsewhere(text: string): string | undefined {
  const document = asEntry(parseJson(text.replace(/^\uFEFF/, '')));
  return (
    ofManifest(document) ??
    ofOverrides(document['overrides'], 0) ??
    ofPackages(document['packages']) ??
    ofTree(document, 0)
  );
}

function ofManifest(entry: Entry): string | undefined {
  for (const group of groups)
    for (const [name, spec] of Object.entries(asEntry(entry[group])))
      if (typeof spec === 'string' && !isOfRegistry(spec)) return `${name}: ${spec}`;
  return undefined;
}

function ofOverrides(value: unknown, depth: number): string | undefined {
  // `$NAME` is the range that the manifest has for it.
  if (typeof value === 'string')
    return isOfRegistry(value) || /^\$(?:@[\w.~-]+\/)?[\w.~-]+$/.test(value) ? undefined : value;
  if (depth > maxDepth) return 'overrides in each other';
  for (const inner of Object.values(asEntry(value))) {
    const found = ofOverrides(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function ofPackages(value: unknown): string | undefined {
  for (const [place, found] of Object.entries(asEntry(value))) {
    const entry = asEntry(found);
    const elsewhere = ofResolved(place, entry) ?? ofManifest(entry);
    if (elsewhere !== undefined) return elsewhere;
  }
  return undefined;
}

/** Of version 1, where packages lie in each other and `version` may be an address. */
function ofTree(entry: Entry, depth: number): string | undefined {
  if (depth > maxDepth) return 'packages in each other';
  for (const [name, found] of Object.entries(asEntry(entry['dependencies']))) {
    if (typeof found === 'string') continue;
    const inner = asEntry(found);
    const version = inner['version'];
    const elsewhere =
      ofResolved(name, inner) ??
      (typeof version === 'string' && !isOfRegistry(version) ? `${name}: ${version}` : ofTree(inner, depth + 1));
    if (elsewhere !== undefined) return elsewhere;
  }
  return undefined;
}

function ofResolved(place: string, { resolved, link }: Entry): string | undefined {
  if (link === true) return `${place}, which is a link`;
  return typeof resolved === 'string' && !/^https?:\/\//.test(resolved) ? `${place}: ${resolved}` : undefined;
}

/** A range, a tag or a version, under another name perhaps (`npm:NAME@RANGE`), or an archive by its web address. */
function isOfRegistry(spec: string): boolean {
  if (/^https?:\/\/\S+$/.test(spec)) return true;
  const range = /^npm:(?:@[\w.~-]+\/)?[\w.~-]+(?:@(.*))?$/.exec(spec);
  const plain = (range ? (range[1] ?? '') : spec).trim();
  return !/[:/\\]/.test(plain) && !/^\.|^~$|\.(?:tgz|tar|tar\.gz)$/i.test(plain);
}

function asEntry(value: unknown): Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entry) : {};
}
