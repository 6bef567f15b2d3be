import { RE2JS } from 're2js';

/** A pattern that somebody else wrote. */
export interface LinearPattern {
  /** Whether it is found anywhere in a text. */
  test(text: string): boolean;
  /** What the first group took of the first match; undefined when there is none. */
  captured(text: string): string | undefined;
  /** The text with its first match, or all, replaced; the replacement is taken as it is. */
  replace(text: string, replacement: string, isAll?: boolean): string;
}

/**
 * Patterns of others run on an engine whose time grows with the text alone (RE2): on the one of the language, a few
 * characters like `(a+)+$` keep the process busy for ever, signals and deadlines included.
 * @param source in RE2's syntax; a dot is any character
 * @throws Error for what is no pattern
 */
export function linearPattern(source: string): LinearPattern {
  const compiled = RE2JS.compile(source, RE2JS.DOTALL);
  return {
    test: (text) => compiled.matcher(text).find(),
    captured(text) {
      const matcher = compiled.matcher(text);
      return matcher.find() ? (matcher.group(1) ?? undefined) : undefined;
    },
    replace(text, replacement, isAll = false) {
      const matcher = compiled.matcher(text);
      const quoted = RE2JS.quoteReplacement(replacement);
      return isAll ? matcher.replaceAll(quoted) : matcher.replaceFirst(quoted);
    },
  };
}
