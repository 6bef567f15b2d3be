import type { CellResult } from '../../pipeline.ts';
import { escapeHtml, formatBytes } from './text.ts';

interface Role {
  readonly name: string;
  readonly colour: string;
  readonly matches: RegExp;
}

/** What a layer is, by the title that assembly gives it; the last one takes what no other does. */
const roles: readonly Role[] = [
  { name: 'operating system', colour: 'var(--a)', matches: /^operating system [^;]*$|^layer of |^user and hardening/ },
  { name: 'more packages', colour: 'var(--e)', matches: /^more packages/ },
  { name: 'Node.js', colour: 'var(--b)', matches: /^Node\.js [^;]*$/ },
  { name: 'npm and headers', colour: 'var(--d)', matches: /^(?:npm|corepack|headers of)/ },
  { name: 'settings, and joined layers', colour: 'var(--c)', matches: /^/ },
];

interface Row {
  readonly label: string;
  readonly layers: readonly { readonly title: string; readonly sizeBytes: number }[];
  readonly totalBytes: number;
}

/** A bar per image and platform, its layers in their order, on one scale. */
export function sizeChart(results: readonly CellResult[]): string {
  const rows = results.flatMap(rowsOf);
  const widest = Math.max(1, ...rows.map((row) => row.totalBytes));
  const used = new Set(rows.flatMap(({ layers }) => layers.map(({ title }) => roleOf(title))));
  const legend = roles
    .filter((role) => used.has(role))
    .map((role) => `<span class="dot" style="background:${role.colour}"></span>${escapeHtml(role.name)}`);
  return `${rows.map((row) => bar(row, widest)).join('')}<div class="legend">${legend.join('')}</div>`;
}

function rowsOf({ cell, candidate }: CellResult): Row[] {
  const platforms = candidate?.platforms ?? [];
  return platforms.map(({ platform, layers }) => ({
    label: platforms.length > 1 ? `${cell.id}, ${platform.replace('linux/', '')}` : cell.id,
    layers,
    totalBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
  }));
}

function bar({ label, layers, totalBytes }: Row, widest: number): string {
  const pieces = layers.map(
    ({ title, sizeBytes }) =>
      `<s style="width:${((sizeBytes / widest) * 100).toFixed(2)}%;background:${roleOf(title).colour}" title="${escapeHtml(title)}: ${formatBytes(sizeBytes)}"></s>`,
  );
  return `<div class="row"><div>${escapeHtml(label)}</div><div class="track">${pieces.join('')}</div><div style="text-align:right">${formatBytes(totalBytes)}</div></div>`;
}

function roleOf(title: string): Role {
  return roles.find(({ matches }) => matches.test(title)) ?? (roles.at(-1) as Role);
}
