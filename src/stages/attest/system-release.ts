/** The operating system as `os-release` names it; empty strings where it says nothing. */
export interface SystemRelease {
  readonly id: string;
  readonly version: string;
  readonly codename: string;
  readonly name: string;
}

/** Reads os-release(5): assignments of a shell, with or without quotes. */
export function parseSystemRelease(text: string | undefined): SystemRelease {
  const values = new Map<string, string>();
  for (const line of (text ?? '').split('\n')) {
    const match = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim());
    if (match?.[1]) values.set(match[1], (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2'));
  }
  return {
    id: values.get('ID') ?? '',
    version: values.get('VERSION_ID') ?? '',
    codename: values.get('VERSION_CODENAME') ?? '',
    name: values.get('PRETTY_NAME') ?? '',
  };
}
