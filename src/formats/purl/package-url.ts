import { compareText } from '../../core/canonical-json.ts';

export interface PackageUrl {
  readonly type: string;
  readonly namespace?: string;
  readonly name: string;
  readonly version?: string;
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
}

/**
 * Writes a package URL (purl specification, "Rules for each purl component"): everything outside of letters, digits
 * and `.-_~` is percent-encoded, but for `:` everywhere and `/` between the parts of a namespace.
 */
export function packageUrl({ type, namespace, name, version, qualifiers = {} }: PackageUrl): string {
  const parts = [
    `pkg:${type}`,
    ...(namespace === undefined ? [] : namespace.split('/').map(encode)),
    `${encode(name)}${version === undefined ? '' : `@${encode(version)}`}`,
  ];
  const query = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value === undefined || value === '' ? [] : [`${key.toLowerCase()}=${encode(value)}`]))
    .sort(compareText)
    .join('&');
  return `${parts.join('/')}${query === '' ? '' : `?${query}`}`;
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':');
}
