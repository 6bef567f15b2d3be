import { RE2JS } from 're2js';

/**
 * `os.Expand` of Go: `$NAME` and `${NAME}`; one of `*#$@!?-` and a digit are names of one character; a `$` before
 * anything else stays.
 */
export function expandGo(text: string, lookup: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(?:\{([^}]*)\}|([*#$@!?\-0-9])|([A-Za-z_][A-Za-z0-9_]*))/g, (_, braced, special, name) => {
    const found = String(braced ?? special ?? name);
    return lookup(found) ?? '';
  });
}

/** Whether a pattern of Go's `regexp` is found anywhere in a text; undefined when it is none. */
export function findsPattern(pattern: string, text: string): boolean | undefined {
  try {
    return RE2JS.compile(pattern).matcher(text).find();
  } catch {
    return undefined;
  }
}

const kinds: Readonly<Record<string, string>> = {
  directory: 'd',
  symlink: 'L',
  character: 'Dc',
  block: 'D',
  fifo: 'p',
};

/** `FileMode.String()` of Go, like `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx`, `urwxr-xr-x` or `dtrwxrwxrwx`. */
export function goMode(kind: string, mode: number): string {
  const marks = [
    kinds[kind] ?? '',
    (mode & 0o4000) !== 0 ? 'u' : '',
    (mode & 0o2000) !== 0 ? 'g' : '',
    (mode & 0o1000) !== 0 ? 't' : '',
  ].join('');
  const bits = Array.from('rwxrwxrwx', (letter, index) => ((mode & (0o400 >> index)) !== 0 ? letter : '-')).join('');
  return `${marks || '-'}${bits}`;
}
