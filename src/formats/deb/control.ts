import { Failure } from '../../core/errors.ts';

/** Field names in lower case; values with their continuation lines joined by newlines, without the leading blank. */
export type ControlStanza = ReadonlyMap<string, string>;

/**
 * Reads a deb822 file (deb-control(5)): stanzas parted by blank lines, `Field: value`, continuation lines that start
 * with white space, `#` comment lines, field names without regard to case.
 */
export function parseControl(text: string, name: string): ControlStanza[] {
  const stanzas: Map<string, string>[] = [];
  let current: Map<string, string> | undefined;
  let field: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      current = undefined;
      field = undefined;
      continue;
    }
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (!current || field === undefined) throw malformed(name, line);
      const value = line.slice(1);
      current.set(field, `${current.get(field) ?? ''}\n${value === '.' ? '' : value}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) throw malformed(name, line);
    if (!current) stanzas.push((current = new Map()));
    field = line.slice(0, colon).toLowerCase();
    current.set(field, line.slice(colon + 1).trim());
  }
  return stanzas;
}

function malformed(name: string, line: string): Failure {
  return new Failure('SOURCE_INVALID', `${name}: ${JSON.stringify(line.slice(0, 80))} is no control field`, {
    hint: 'the file is not what it claims to be; it was not used',
  });
}
