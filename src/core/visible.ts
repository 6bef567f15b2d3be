/**
 * What a terminal or a reader would act on instead of showing: control characters (C0, C1, DEL) but for the end of a
 * line and the tab, and those that turn the direction of text or hide in it (Unicode UAX #9, TR36).
 */
const acting =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** Text of others with each such character spelt, like `\u001b`: so it stays valid inside of a JSON string, too. */
export function visible(text: string): string {
  return text.replaceAll(acting, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

/** The same on one line: what comes after a line's end could pass for a line of ours. */
export function visibleLine(text: string): string {
  return visible(text.replaceAll('\r\n', '\n')).replaceAll('\n', '\\n');
}
