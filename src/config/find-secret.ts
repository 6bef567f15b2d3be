/** What must not be in an image that others pull, by how it looks. */
const secrets: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, what: 'a private key' },
  { pattern: /-----BEGIN PGP PRIVATE KEY BLOCK-----/, what: 'a private key' },
  { pattern: /(?:^|[:\s"'])_(?:authToken|auth|password)\s*[=:]/i, what: 'credentials of npm' },
  { pattern: /\bnpm_[A-Za-z0-9]{36}\b/, what: 'a token of npm' },
  {
    pattern: /\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{40,}\b/,
    what: 'a token of GitHub',
  },
  { pattern: /\bglpat-[A-Za-z0-9_-]{20,}\b/, what: 'a token of GitLab' },
  { pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, what: 'an access key of AWS' },
  { pattern: /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/, what: 'a token of Slack' },
  { pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b/, what: 'a JSON web token' },
  { pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"']+:[^\s/@"']+@/i, what: 'a password in an address' },
];

/** Names of variables and settings whose values are secrets, whatever they look like. */
const secretNames =
  /(?:^|[_:.-])(?:_?authtoken|_auth|_password|password|passwd|secret|token|api_?key|access_?key|private_?key|credentials?)$/i;

export interface FoundSecret {
  readonly what: string;
  /** Line in the text, from 1. */
  readonly line: number;
}

/** The first thing in a text that looks like a secret. */
export function findSecret(text: string): FoundSecret | undefined {
  for (const [index, line] of text.split('\n').entries()) {
    const found = secrets.find(({ pattern }) => pattern.test(line));
    if (found) return { what: found.what, line: index + 1 };
  }
  return undefined;
}

/** Whether a setting of this name holds a secret; empty values are none. */
export function namesSecret(name: string, value: string): boolean {
  return value !== '' && secretNames.test(name);
}
