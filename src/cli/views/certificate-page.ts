import type { CertificateView } from '../../stages/verify/describe-certificate.ts';
import { endOfLine, noFindings, verifyCommands } from './certificate-markdown.ts';
import { card, findingsTable, pageHead, pill, verdictsTable } from './page-parts.ts';
import { escapeHtml, formatBytes } from './text.ts';
import { waivedName } from '../../gates/waivers.ts';

/** The certificate as a page that stands alone: the answer first, then what it rests on, then how to check it. */
export function renderCertificatePage(view: CertificateView): string {
  const { grade } = view;
  const title = `${view.title}: Node.js ${view.release} on ${view.base}, ${view.variant}`;
  return `${pageHead(title)}
${view.legacy === null ? '' : `<p>${pill('warn')} <b>${escapeHtml(view.legacy)}</b></p>`}<h1>${escapeHtml(title)}</h1>
<p class="sub"><code>${escapeHtml(view.digest)}</code></p>
${view.revocations.map((text) => `<p><span class="pill bad">taken back</span> ${escapeHtml(text)}</p>`).join('')}
${view.problems.map((text) => `<p><span class="pill bad">not valid</span> ${escapeHtml(text)}</p>`).join('')}
<div class="cards">${card(view.isValid ? 'Certified' : 'Not valid', `for ${view.environment}`)}${card(grade.grade, grade.nextDrop === undefined ? grade.reason : `${grade.reason}; drops on ${grade.nextDrop}`)}${card(view.validUntil.slice(0, 10), 'valid until')}${card(String(view.platforms.reduce((sum, { tests }) => sum + tests.reduce((all, { passed }) => all + passed, 0), 0)), 'tests passed on exactly these digests')}${card(view.isScanned ? String(view.findings.length) : '?', view.isScanned ? 'known vulnerabilities' : 'nobody looked for known vulnerabilities')}</div>
<p>Certified on ${escapeHtml(view.certifiedOn.slice(0, 10))}, signed by <b>${escapeHtml(view.signedBy)}</b>${view.keyHint === null ? '' : `, key <code>${escapeHtml(view.keyHint)}</code>`}.${view.endOfLife === null ? '' : ` ${escapeHtml(endOfLine(view.endOfLife, view.legacy))}`}</p>
<h2>What</h2><div class="scroll"><table><tr><th>Platform</th><th>Digest</th><th>Compressed</th><th>Components</th><th>Tested with</th></tr>${view.platforms.map((item) => `<tr><td>${escapeHtml(item.platform)}</td><td><code>${escapeHtml(item.digest)}</code></td><td class="num">${formatBytes(item.sizeBytes)}</td><td class="num">${item.components}</td><td>${item.tests.map(({ suite, passed, notApplicable, runtime }) => `${escapeHtml(suite)}: ${passed} passed${notApplicable.length > 0 ? `, ${notApplicable.length} not applicable` : ''}, ${escapeHtml(runtime)}`).join('<br>')}</td></tr>`).join('')}</table></div>
${view.limitations.length > 0 ? `<h2>What this release cannot do</h2><ul>${view.limitations.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>` : ''}${notApplicableTable(view)}
<h2>What the gates said</h2><p class="sub">Policy <code>${escapeHtml(view.policyDigest)}</code></p>${verdictsTable(view.verdicts)}
<h2>Known vulnerabilities</h2>${view.findings.length === 0 ? `<p>${noFindings(view)}</p>` : findingsTable(view.findings)}
${view.waivers.length > 0 ? `<h3>Waived</h3><div class="scroll"><table><tr><th>What</th><th>By</th><th>Until</th><th>Why</th></tr>${view.waivers.map((waiver) => `<tr><td>${escapeHtml(waivedName(waiver))}</td><td>${escapeHtml(waiver.by)}</td><td>${escapeHtml(waiver.until)}</td><td>${escapeHtml(waiver.reason)}</td></tr>`).join('')}</table></div>` : ''}
<h2>Approvals</h2>${view.approvals.length === 0 ? '<p>None was asked for.</p>' : `<div class="scroll"><table><tr><th>Who</th><th>When</th><th>Why</th></tr>${view.approvals.map(({ person, decidedOn, reason, overrules }) => `<tr><td>${escapeHtml(person)}</td><td>${escapeHtml(decidedOn.slice(0, 10))}</td><td>${escapeHtml(reason)}${overrules.length > 0 ? `<br>${pill('warn')} overrules ${escapeHtml(overrules.join(', '))}` : ''}</td></tr>`).join('')}</table></div>`}
<h2>From what</h2><p class="sub">Built by ${escapeHtml(view.builder)}, asked for by ${escapeHtml(view.author)}.</p><div class="scroll"><table><tr><th>Input</th><th>SHA-256</th></tr>${view.inputs.map(({ name, sha256 }) => `<tr><td>${escapeHtml(name)}</td><td><code>${escapeHtml(sha256)}</code></td></tr>`).join('')}</table></div>
<h2>How to verify</h2>${verifyCommands(view)
    .map((line) => `<p><code>${escapeHtml(line)}</code></p>`)
    .join('')}
</main></body></html>
`;
}

/** The checks that this image cannot have, once for all its platforms. */
function notApplicableTable({ platforms }: CertificateView): string {
  const all = platforms.flatMap(({ tests }) => tests.flatMap(({ notApplicable }) => notApplicable));
  const rows = [...new Map(all.map((item) => [item.id, item])).values()];
  if (rows.length === 0) return '';
  return `<details><summary>Checks that do not apply: ${rows.length}</summary><div class="scroll"><table><tr><th>Check</th><th>Why</th></tr>${rows.map(({ id, reason }) => `<tr><td>${escapeHtml(id)}</td><td>${escapeHtml(reason)}</td></tr>`).join('')}</table></div></details>`;
}
