/**
 * A pattern for names: `*` is any text, `?` one character, `{a,b}` one of them; everything else is itself. Several
 * patterns may be joined with commas, and `!` in front of one takes its names out again.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  const parts = splitPatterns(pattern);
  const wanted = parts.filter((part) => !part.startsWith('!'));
  const unwanted = parts.filter((part) => part.startsWith('!')).map((part) => part.slice(1));
  const isIn = wanted.length === 0 || wanted.some((part) => toExpression(part).test(name));
  return isIn && !unwanted.some((part) => toExpression(part).test(name));
}

/** At commas outside of braces. */
function splitPatterns(pattern: string): string[] {
  return pattern
    .split(/,(?![^{]*\})/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function toExpression(pattern: string): RegExp {
  let depth = 0;
  const source = Array.from(pattern)
    .map((character) => {
      switch (character) {
        case '*':
          return '.*';
        case '?':
          return '.';
        case '{':
          depth++;
          return '(?:';
        case '}':
          if (depth === 0) return '\\}';
          depth--;
          return ')';
        case ',':
          return depth > 0 ? '|' : ',';
        default:
          return character.replaceAll(/[.+^$()|[\]\\]/g, '\\$&');
      }
    })
    .join('');
  return new RegExp(`^${source}${')'.repeat(depth)}$`, 'u');
}
