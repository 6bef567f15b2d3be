import { linearPattern } from '../linear-pattern.ts';
/** A variable's value, or undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/** What a word can be wrong with: the message is for whoever wrote the Dockerfile. */
export class WordError extends Error {}

interface LexOptions {
  readonly escape: string;
  readonly lookup: Lookup;
}

/**
 * One word as BuildKit's shell lexer reads it: quotes are taken away, `$V`, `${V}` and its modifiers `:-` `-` `:+` `+`
 * `:?` `?` `#` `##` `%` `%%` `/` `//` are replaced, and nothing is in single quotes.
 * @throws WordError for a brace or quote without an end, an unknown modifier, or `:?` of a variable that is not set
 */
export function expandWord(word: string, options: LexOptions): string {
  let out = '';
  let at = 0;
  let isQuoted = false;
  while (at < word.length) {
    const character = word.charAt(at);
    if (character === options.escape) {
      const next = word.charAt(at + 1);
      // Between double quotes the escape character is one only before what it could protect.
      if (isQuoted && !['"', '$', options.escape].includes(next)) out += character;
      out += next;
      at += 2;
    } else if (character === "'" && !isQuoted) {
      const end = word.indexOf("'", at + 1);
      if (end < 0) throw new WordError(`a single quote without an end in ${word}`);
      out += word.slice(at + 1, end);
      at = end + 1;
    } else if (character === '"') {
      isQuoted = !isQuoted;
      at++;
    } else if (character === '$') {
      const found = readVariable(word, at, options);
      out += found.value;
      at = found.end;
    } else {
      out += character;
      at++;
    }
  }
  if (isQuoted) throw new WordError(`a double quote without an end in ${word}`);
  return out;
}

/** Variables in a text whose quotes stay, like a heredoc. */
export function expandText(text: string, options: LexOptions): string {
  let out = '';
  for (let at = 0; at < text.length;) {
    const character = text.charAt(at);
    if (character === options.escape && ['$', options.escape].includes(text.charAt(at + 1))) {
      out += text.charAt(at + 1);
      at += 2;
    } else if (character === '$') {
      const found = readVariable(text, at, options);
      out += found.value;
      at = found.end;
    } else {
      out += character;
      at++;
    }
  }
  return out;
}

/** Words at white space outside of quotes; quotes and escapes stay in them. */
export function splitWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let isOpen = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === escape && quote !== "'") {
      word += character + text.charAt(++at);
      isOpen = true;
    } else if (quote === '' && /\s/.test(character)) {
      if (isOpen) words.push(word);
      word = '';
      isOpen = false;
    } else {
      if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = '';
      word += character;
      isOpen = true;
    }
  }
  if (isOpen) words.push(word);
  return words;
}

function readVariable(word: string, at: number, options: LexOptions): { value: string; end: number } {
  const plain = /^\$([A-Za-z_]\w*|\d)/.exec(word.slice(at));
  if (plain) return { value: options.lookup(String(plain[1])) ?? '', end: at + plain[0].length };
  if (word.charAt(at + 1) !== '{') return { value: '$', end: at + 1 };
  const end = closingBrace(word, at + 1, options.escape);
  const inside = word.slice(at + 2, end);
  const [, name = '', modifier = ''] = /^([A-Za-z_]\w*|\d)(.*)$/s.exec(inside) ?? [];
  if (name === '') throw new WordError(`\${${inside}} names no variable`);
  return { value: modified(name, modifier, options), end: end + 1 };
}

function closingBrace(word: string, open: number, escape: string): number {
  let depth = 0;
  for (let at = open; at < word.length; at++) {
    if (word.charAt(at) === escape) at++;
    else if (word.charAt(at) === '{') depth++;
    else if (word.charAt(at) === '}' && --depth === 0) return at;
  }
  throw new WordError(`\${ without } in ${word}`);
}

function modified(name: string, modifier: string, options: LexOptions): string {
  const value = options.lookup(name);
  if (modifier === '') return value ?? '';
  const [, colon, kind = '', rest = ''] = /^(:?)([-+?])(.*)$/s.exec(modifier) ?? [];
  const isMissing = colon ? !value : value === undefined;
  switch (kind) {
    case '-':
      return isMissing ? expandWord(rest, options) : (value ?? '');
    case '+':
      return isMissing ? '' : expandWord(rest, options);
    case '?':
      if (isMissing) throw new WordError(`${name}: ${expandWord(rest, options) || 'is not set'}`);
      return value ?? '';
  }
  const cut = /^(##?|%%?)(.*)$/s.exec(modifier);
  if (cut) return cutPattern(value ?? '', { mark: String(cut[1]), pattern: expandWord(String(cut[2]), options) });
  const replace = /^(\/\/?)((?:[^/\\]|\\.)*)\/?(.*)$/s.exec(modifier);
  if (!replace) throw new WordError(`\${${name}${modifier}} has an unknown modifier`);
  const pattern = linearPattern(patternSource(expandWord(String(replace[2]), options), true));
  const replacement = expandWord(String(replace[3]), options);
  return pattern.replace(value ?? '', replacement, replace[1] === '//');
}

function cutPattern(value: string, { mark, pattern }: { readonly mark: string; readonly pattern: string }): string {
  const source = patternSource(pattern, mark.length === 2);
  if (mark.startsWith('#')) return linearPattern(`^${source}`).replace(value, '');
  // The shortest end: the start that is kept is as long as it can be.
  const kept = mark.length === 2 ? '(.*?)' : '(.*)';
  return linearPattern(`^${kept}${source}$`).captured(value) ?? value;
}

function patternSource(pattern: string, isGreedy: boolean): string {
  const any = isGreedy ? '.*' : '.*?';
  return pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', any)
    .replaceAll('?', '.');
}
