import { Failure } from '../../core/errors.ts';
import { parseControl } from '../../formats/deb/control.ts';
import type { Digest } from '../../core/digest.ts';

export interface ReleaseFile {
  readonly suite: string;
  readonly codename: string;
  /** When it was made and signed. */
  readonly date: string | undefined;
  /** Path below `dists/SUITE/` to what the file must be. */
  readonly files: ReadonlyMap<string, { readonly digest: Digest; readonly sizeBytes: number }>;
}

/**
 * Reads the signed text of an `InRelease` file (Debian repository format).
 * @throws Failure SIGNATURE when it is older than it may be: an attacker can replay an old, well-signed index.
 */
export function parseReleaseFile(
  text: string,
  options: { readonly name: string; readonly suite: string; readonly now: Date },
): ReleaseFile {
  const [stanza] = parseControl(text, options.name);
  if (!stanza) throw new Failure('SOURCE_INVALID', `${options.name} is empty`);
  const validUntil = stanza.get('valid-until');
  if (validUntil !== undefined && Date.parse(validUntil) < options.now.getTime()) {
    throw new Failure('SIGNATURE', `${options.name} was valid until ${validUntil}`, {
      hint: 'the mirror is stale or replays an old index: use another one, or set the clock right',
    });
  }
  const codename = stanza.get('codename') ?? '';
  if (codename !== options.suite && stanza.get('suite') !== options.suite) {
    throw new Failure('SOURCE_INVALID', `${options.name} is about ${codename}, not ${options.suite}`, {
      hint: 'the mirror answers with another suite',
    });
  }
  const files = new Map<string, { digest: Digest; sizeBytes: number }>();
  for (const line of (stanza.get('sha256') ?? '').split('\n')) {
    const [hex, size, path] = line.trim().split(/\s+/);
    if (hex && size && path && /^[0-9a-f]{64}$/.test(hex))
      files.set(path, { digest: `sha256:${hex}`, sizeBytes: Number(size) });
  }
  return { suite: stanza.get('suite') ?? '', codename, date: stanza.get('date'), files };
}
