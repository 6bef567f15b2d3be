import { visible, visibleLine } from '../../core/visible.ts';

const units = ['B', 'kB', 'MB', 'GB'] as const;

/** Decimal units, one digit after the point: 49.5 MB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function formatSeconds(seconds: number): string {
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** Columns padded to their widest cell, two blanks apart; no trailing white space. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A line cut to a width, with an ellipsis that says so. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Text for Markdown, on one line: nothing of it is markup, a link, HTML or the end of a table's cell. */
export function escapeMarkdown(text: string): string {
  return visibleLine(text).replaceAll(/[\\`*[\]<>|&]|^[#+-]|~~|(?<!\w)_|_(?!\w)/g, '\\$&');
}

/** Text for a page: nothing of it is markup. */
export function escapeHtml(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
