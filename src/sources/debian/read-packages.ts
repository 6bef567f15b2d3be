import { Failure } from '../../core/errors.ts';
import type { IndexedPackage } from './package-index.ts';

const fields = {
  package: /^Package: (.*)$/m,
  version: /^Version: (.*)$/m,
  architecture: /^Architecture: (.*)$/m,
  file: /^Filename: (.*)$/m,
  size: /^Size: (\d+)$/m,
  sha256: /^SHA256: ([0-9a-f]{64})$/m,
  source: /^Source: (.*)$/m,
  depends: /^Depends: (.*)$/m,
  preDepends: /^Pre-Depends: (.*)$/m,
  provides: /^Provides: (.*)$/m,
  essential: /^Essential: (.*)$/m,
  priority: /^Priority: (.*)$/m,
} as const;

/**
 * Reads a `Packages` index as a stream: a suite's is over 50 MB, of which resolution needs a tenth. The texts are
 * copied out of the chunk they came in, so that the chunk can go.
 */
export async function readPackages(
  chunks: AsyncIterable<Uint8Array>,
  origin: { readonly archive: 'main' | 'security'; readonly suite: string; readonly name: string },
): Promise<IndexedPackage[]> {
  const packages: IndexedPackage[] = [];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const end = all.lastIndexOf('\n\n');
    if (end < 0) {
      rest = all;
      continue;
    }
    for (const stanza of all.toString('utf8', 0, end).split('\n\n')) add(stanza);
    rest = Buffer.from(all.subarray(end + 2));
  }
  if (rest.length > 0) add(rest.toString('utf8'));
  return packages;

  function add(stanza: string): void {
    if (stanza.trim() === '') return;
    const name = field(stanza, 'package');
    const version = field(stanza, 'version');
    const file = field(stanza, 'file');
    const sha256 = field(stanza, 'sha256');
    if (!name || !version || !file || !sha256)
      throw new Failure('SOURCE_INVALID', `${origin.name}: a package has no name, version, file or SHA256`);
    packages.push({
      name,
      version,
      architecture: field(stanza, 'architecture') ?? '',
      archive: origin.archive,
      suite: origin.suite,
      file,
      sizeBytes: Number(field(stanza, 'size') ?? '0'),
      sha256,
      source: field(stanza, 'source'),
      depends: field(stanza, 'depends'),
      preDepends: field(stanza, 'preDepends'),
      provides: field(stanza, 'provides'),
      isRequired: field(stanza, 'essential') === 'yes' || field(stanza, 'priority') === 'required',
    });
  }
}

function field(stanza: string, name: keyof typeof fields): string | undefined {
  const value = fields[name].exec(stanza)?.[1];
  // A slice of a string keeps the whole string alive; a copy does not.
  return value === undefined ? undefined : Buffer.from(value).toString();
}
