import { linearPattern, type LinearPattern } from '../linear-pattern.ts';

/** A pattern that means nothing, like `[b-a]`: the message is for whoever wrote it. */
export class PatternError extends Error {}

/** Whether a path of the context is left out: the last pattern that matches it or a folder above it decides. */
export interface Ignores {
  (path: string): boolean;
  /** Whether something may be taken back that lies in a folder which is left out. */
  readonly takesBack: boolean;
}

/**
 * `.dockerignore` (moby, patternmatcher): one pattern a line, `#` comments, `!` takes back, `**` any number of folders,
 * the rest as in Go's `filepath.Match`; a pattern that matches a folder means all that is in it.
 */
export function readDockerignore(text: string): Ignores {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#') && line.trim() !== '')
    .map((line) => line.trim())
    .map((line) => {
      const isTakenBack = line.startsWith('!');
      const pattern = (isTakenBack ? line.slice(1).trim() : line)
        .replace(/^\/+/, '')
        .replace(/\/+$/, '')
        .replace(/^\.\//, '');
      return { isTakenBack, expression: pathExpression(pattern) };
    });
  const isIgnored = (path: string): boolean => {
    const parts = path.split('/');
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    let isLeftOut = false;
    for (const { isTakenBack, expression } of rules)
      if (paths.some((candidate) => expression.test(candidate))) isLeftOut = !isTakenBack;
    return isLeftOut;
  };
  return Object.assign(isIgnored, { takesBack: rules.some(({ isTakenBack }) => isTakenBack) });
}

/** Go's `filepath.Match` with `**`: `*` and `?` do not cross a slash. */
export function pathExpression(pattern: string): LinearPattern {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (character === '*' && pattern.charAt(at + 1) === '*') {
      at++;
      if (pattern.charAt(at + 1) === '/') at++;
      source += at === pattern.length - 1 && pattern.charAt(at) === '*' ? '.*' : '(?:.*/)?';
    } else if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else if (character === '[') {
      const end = pattern.indexOf(']', at + 2);
      if (end < 0) source += '\\[';
      else {
        source += `[${pattern.slice(at + 1, end).replaceAll('\\', '\\\\')}]`;
        at = end;
      }
    } else if (character === '\\') source += escapeCharacter(pattern.charAt(++at));
    else source += escapeCharacter(character);
  }
  try {
    return linearPattern(`^${source}$`);
  } catch {
    throw new PatternError(`${pattern} is no pattern`);
  }
}

export function isPattern(path: string): boolean {
  return /[*?[]/.test(path);
}

function escapeCharacter(character: string): string {
  return character.replaceAll(/[.+^${}()|[\]\\*?/]/g, '\\$&');
}
