import type { TestCase } from '../../stages/test/report.ts';
import { card, pageStyle, pill } from '../views/page-parts.ts';
import { escapeHtml, formatBytes, formatSeconds } from '../views/text.ts';
import { changesText, countCases, passedText, problemText, type TestedImage } from './tested-image.ts';

/** One page that stands alone: every case of every image, what went wrong first. */
export function htmlReport(images: readonly TestedImage[]): string {
  const cases = images.flatMap(({ report }) => report.cases);
  const { passed, failed, flaky, notRun, notApplicable } = countCases(cases);
  const seconds = images.reduce((sum, { report }) => sum + report.durationMs / 1000, 0);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Test report</title><style>${pageStyle}
pre{overflow-x:auto;margin:8px 0;padding:10px 12px;border:1px solid var(--line);border-radius:8px;font:12.5px/1.5 ui-monospace,"SFMono-Regular",Menlo,monospace;white-space:pre-wrap;word-break:break-word}.case{border-top:1px solid var(--line);padding:10px 0}.case:first-of-type{border-top:0}.facts{color:var(--soft);font-size:13px}</style></head><body><main>
<h1>Test report</h1>
<p class="sub">${images.map(({ name }) => escapeHtml(name)).join(', ')}</p>
<div class="cards">
${card(`${passed} of ${cases.length - notApplicable}`, 'cases passed')}${card(String(failed), 'failed')}${card(String(flaky), 'flaky')}${card(String(notRun), 'not run')}${card(String(notApplicable), 'not applicable')}${card(formatSeconds(seconds), 'of testing')}
</div>
${images.map(imageSection).join('\n')}
</main></body></html>
`;
}

function imageSection({ name, report }: TestedImage): string {
  const troubles = report.cases.filter(({ result }) => result !== 'passed' && result !== 'not-applicable');
  const left = report.cases.filter(({ result }) => result === 'not-applicable');
  const suites = report.suites.map(({ id, origin, kind }) => {
    const own = report.cases.filter(({ suite }) => suite === id);
    const rows = own.map(
      (item) =>
        `<tr><td>${pill(item.result)}</td><td>${escapeHtml(item.id)}</td><td class="num">${item.durationMs} ms</td><td class="num">${item.resources?.memoryPeakBytes === undefined ? '' : formatBytes(item.resources.memoryPeakBytes)}</td><td>${escapeHtml(changesText(item))}</td></tr>`,
    );
    return `<details><summary>${escapeHtml(id)}: ${passedText(own, ' of ')} <span class="tag">${origin}</span><span class="tag">${kind}</span></summary><div style="overflow-x:auto"><table><tr><th>Result</th><th>Case</th><th>Time</th><th>Memory</th><th>Files</th></tr>${rows.join('')}</table></div></details>`;
  });
  return `<h2>${escapeHtml(name)} ${pill(report.result)}</h2>
<p class="sub">${escapeHtml(report.platform)}, ${escapeHtml(report.runtime.name)} ${escapeHtml(report.runtime.version)}, ${escapeHtml(report.startedAt.replace('T', ' ').slice(0, 16))} UTC<br><code>${escapeHtml(report.subject)}</code>${report.reason ? `<br>${escapeHtml(report.reason)}` : ''}</p>
${troubles.length > 0 ? `<details open><summary>What went wrong</summary>${troubles.map(caseDetails).join('')}</details>` : ''}
${left.length > 0 ? `<details><summary>Not applicable: ${left.length}</summary><div style="overflow-x:auto"><table><tr><th>Case</th><th>Why</th></tr>${left.map((item) => `<tr><td>${escapeHtml(item.id)}</td><td>${escapeHtml(item.reason ?? '')}</td></tr>`).join('')}</table></div></details>` : ''}
${suites.join('')}`;
}

function caseDetails(item: TestCase): string {
  const facts = [
    `exit code ${item.exitCode ?? 'none'}`,
    `${item.durationMs} ms`,
    `${item.attempts.length} ${item.attempts.length === 1 ? 'attempt' : 'attempts'}`,
    `files: ${changesText(item)}`,
    ...(item.droppedBytes > 0 ? [`${formatBytes(item.droppedBytes)} of output not kept`] : []),
    ...(item.cachedSteps ? [`${item.cachedSteps} steps from before`] : []),
  ];
  const layers = item.layers.flatMap(({ diffId }) => diffId ?? []);
  const paths = item.layers.flatMap((layer) => layer.paths);
  return `<div class="case">${pill(item.result)} <b>${escapeHtml(item.id)}</b> <span class="tag">${escapeHtml(item.suite)}</span>
<div>${escapeHtml(problemText(item))}</div><div class="facts">${escapeHtml(facts.join(', '))}</div>
${item.output === '' ? '' : `<pre>${escapeHtml(item.output)}</pre>`}${paths.length > 0 ? `<details><summary>Files that it changed</summary><pre>${escapeHtml([...layers, ...paths].join('\n'))}</pre></details>` : ''}</div>`;
}
