import { Failure } from './errors.ts';

/** More than any list of names needs; `{a,b}` fifty times in a row would be a million billion of them. */
const maxAlternatives = 1000;

/**
 * A pattern for names: `*` is any text, `?` one character, `{a,b}` one of them; everything else is itself. Several
 * patterns may be joined with commas, and `!` in front of one takes its names out again. The time that it takes grows
 * with pattern times name, whatever stands in them.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  const parts = splitPatterns(pattern);
  const wanted = parts.filter((part) => !part.startsWith('!'));
  const unwanted = parts.filter((part) => part.startsWith('!')).map((part) => part.slice(1));
  const characters = Array.from(name);
  const isMatch = (part: string): boolean => alternativesOf(part).some((one) => matches(Array.from(one), characters));
  return (wanted.length === 0 || wanted.some(isMatch)) && !unwanted.some(isMatch);
}

/** At commas outside of braces. */
function splitPatterns(pattern: string): string[] {
  return splitAt(pattern)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** At commas that stand in no braces; a closing brace without an opening one is itself. */
function splitAt(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth++;
    else if (character === '}') depth = Math.max(0, depth - 1);
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

/** The pattern once for each choice in its braces. A brace that is never closed reaches to the end. */
function alternativesOf(pattern: string): string[] {
  let made = [''];
  let rest = pattern;
  for (;;) {
    const open = rest.indexOf('{');
    if (open < 0) return made.map((prefix) => prefix + rest);
    const end = closing(rest, open);
    const choices = splitAt(rest.slice(open + 1, end)).flatMap(alternativesOf);
    const before = rest.slice(0, open);
    if (made.length * choices.length > maxAlternatives)
      throw new Failure('USAGE', `the pattern ${pattern.slice(0, 60)} means more than ${maxAlternatives} names`, {
        hint: 'braces multiply: write fewer of them, or several patterns with commas',
      });
    made = made.flatMap((prefix) => choices.map((choice) => prefix + before + choice));
    rest = rest.slice(end + 1);
  }
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return text.length;
}

/** Only the last `*` is ever gone back to: an earlier one that matched more would match no more names. */
function matches(pattern: readonly string[], name: readonly string[]): boolean {
  let [at, star, resume] = [0, -1, 0];
  for (let index = 0; index < name.length;) {
    if (pattern[at] === '*') {
      star = at++;
      resume = index;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
