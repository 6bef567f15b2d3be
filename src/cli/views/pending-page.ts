import type { PendingImage } from '../../stages/approve/describe-pending.ts';
import { card, findingsTable, pageHead, pill, verdictsTable } from './page-parts.ts';
import { severityCounts, writtenBy } from './pending-view.ts';
import { escapeHtml, formatBytes } from './text.ts';

export interface PendingPageInput {
  readonly name: string;
  readonly environment: string;
  readonly images: readonly PendingImage[];
  readonly now: Date;
}

/** What an approver looks at: one section per image, and the command that decides. */
export function renderPendingPage({ name, environment, images, now }: PendingPageInput): string {
  return `${pageHead(`${name}: waiting for ${environment}`)}
<h1>Waiting for ${escapeHtml(environment)}</h1>
<p class="sub">${escapeHtml(name)}, ${escapeHtml(now.toISOString().replace('T', ' ').slice(0, 16))} UTC. ${images.length === 1 ? 'One image waits' : `${images.length} images wait`} for a decision.</p>
${images.map(section).join('')}
</main></body></html>
`;
}

function section(image: PendingImage): string {
  const { replaces, findings } = image;
  const command = `nodeworthy approve ${image.cell} --environment ${image.environment} --digest ${image.digest} --key YOUR.key --reason WHY`;
  return `<h2>${escapeHtml(image.cell)} ${pill(image.result)}</h2>
<p class="sub"><code>${escapeHtml(image.digest)}</code><br>asked for by ${escapeHtml(image.author)}; written by ${escapeHtml(writtenBy(image))}; ${replaces ? `replaces Node.js ${escapeHtml(replaces.release)} <code>${escapeHtml(replaces.digest)}</code>` : 'the first of its line'}${replaces && replaces.repaired.length > 0 ? `, and repairs ${escapeHtml(replaces.repaired.slice(0, 12).join(', '))}` : ''}</p>
<div class="cards">${card(image.grade.grade, `grade: ${image.grade.reason}`)}${card(String(findings.length), `known vulnerabilities ${findings.length > 0 ? `(${severityCounts(findings)})` : ''}`)}${card(formatBytes(image.platforms.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)), image.platforms.map(({ platform }) => platform).join(', '))}${card(String(image.evidence.length), 'signed statements to rest on')}</div>
<h3>What the gates say</h3>${verdictsTable(image.verdicts)}
${findings.length > 0 ? `<h3>Known vulnerabilities</h3>${findingsTable(findings)}` : ''}
<details><summary>Evidence that an approval names</summary><table><tr><th>Kind</th><th>About</th><th>Statement</th></tr>${image.evidence.map((item) => `<tr><td>${escapeHtml(item.kind)}</td><td><code>${escapeHtml(item.subject)}</code></td><td><code>${escapeHtml(item.digest)}</code></td></tr>`).join('')}</table></details>
<details><summary>Tags it would get</summary><p>${image.tags.map((tag) => `<span class="tag">${escapeHtml(tag)}</span>`).join('')}</p></details>
<p>To decide: <code>${escapeHtml(command)}</code></p>`;
}
