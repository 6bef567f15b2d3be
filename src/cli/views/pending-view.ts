import { shortDigest } from '../../core/digest.ts';
import type { PendingImage } from '../../stages/approve/describe-pending.ts';
import { verdictLines } from './decisions-view.ts';
import { formatBytes } from './text.ts';

/** One image that waits: what it is, what changed, what the gates say, and how to decide. */
export function pendingText(image: PendingImage): string {
  const { replaces, findings } = image;
  return [
    `${image.cell}  ${image.digest}`,
    `  for ${image.environment}: ${image.result}, asked for by ${image.author}, grade ${image.grade.grade} (${image.grade.reason})`,
    `  ${image.platforms.map(({ platform, sizeBytes }) => `${platform} ${formatBytes(sizeBytes)}`).join(', ')}; tags ${image.tags.slice(0, 6).join(' ')}`,
    `  written by ${writtenBy(image)}`,
    replaces
      ? `  replaces ${replaces.release} (${shortDigest(replaces.digest)})${replaces.repaired.length > 0 ? `, repairs ${replaces.repaired.slice(0, 6).join(' ')}` : ''}`
      : '  the first of its line',
    `  ${findings.length} known vulnerabilities${findings.length > 0 ? `: ${severityCounts(findings)}` : ''}; ${image.evidence.length} statements seen`,
    ...image.verdicts.flatMap(verdictLines),
    `  decide: nodeworthy approve ${image.cell} --environment ${image.environment} --digest ${image.digest} --key YOUR.key --reason WHY`,
  ].join('\n');
}

/** Who approves nothing of it, and why there may be more of them. */
export function writtenBy({ authors, doubts }: PendingImage): string {
  return [authors.join(', ') || 'nobody knows whom', ...doubts].join('; ');
}

export function severityCounts(findings: readonly { readonly severity: string }[]): string {
  const counts = new Map<string, number>();
  for (const { severity } of findings) counts.set(severity, (counts.get(severity) ?? 0) + 1);
  return [...counts].map(([severity, count]) => `${count} ${severity}`).join(', ');
}
