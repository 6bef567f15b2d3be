import type { CellResult } from '../../pipeline.ts';
import { describeInput } from '../../sources/input.ts';
import type { Lock } from '../../stages/resolve/lock.ts';
import type { TestReport } from '../../stages/test/report.ts';
import { formatBytes, formatSeconds, escapeHtml } from './text.ts';
import { countCases, passedText, problemText } from '../test-reports/tested-image.ts';
import { card, pageStyle, pill } from './page-parts.ts';
import { sizeChart } from './size-chart.ts';

export interface RunPageInput {
  readonly name: string;
  readonly startedAt: Date;
  readonly seconds: number;
  readonly results: readonly CellResult[];
  readonly lock: Lock;
  readonly storePath: string;
}

/** One page that stands alone: what was built, from what, how it was tested, where it is published, and how long it took. */
export function renderRunPage(input: RunPageInput): string {
  const { results } = input;
  const good = results.filter((result) => ['published', 'unchanged', 'tested', 'built'].includes(result.outcome));
  const cases = results.flatMap((result) => result.reports.flatMap(({ report }) => report.cases));
  const { passed, notApplicable } = countCases(cases);
  const tags = results.reduce((sum, result) => sum + (result.receipts[0]?.tags.length ?? 0), 0);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(input.name)}: run of ${escapeHtml(day(input.startedAt))}</title><style>${pageStyle}</style></head><body><main>
<h1>${escapeHtml(input.name)}</h1>
<p class="sub">Run of ${escapeHtml(input.startedAt.toISOString().replace('T', ' ').slice(0, 16))} UTC, inputs chosen on ${escapeHtml(input.lock.date)}. ${verdict(results.length, good.length)}</p>
<div class="cards">
${card(`${good.length} of ${results.length}`, 'images in order')}${card(`${passed} of ${cases.length - notApplicable}`, 'tests passed')}${card(String(tags), 'tags published')}${card(formatBytes(uniqueBytes(results)), 'in the registry, layers counted once')}${card(formatSeconds(input.seconds), 'whole run')}
</div>
<h2>Images</h2><div class="scroll"><table><tr><th>Image</th><th>Outcome</th><th>Tests</th><th>Compressed</th><th>Digest</th><th>Published as</th></tr>${results.map(imageRow).join('')}</table></div>
<h2>Where the bytes are</h2><div class="scroll">${sizeChart(results)}</div>
<h2>Timeline</h2><div class="scroll">${timeline(results)}</div>
<h2>Tests</h2>${results.map(testDetails).join('')}
<h2>Made from</h2><div class="scroll"><table><tr><th>Input</th><th>From</th><th>Size</th><th>Proven by</th><th>Digest</th></tr>${input.lock.inputs.map(inputRow).join('')}</table></div>
<h2>Published to</h2><div class="scroll"><table><tr><th>Target</th><th>Image</th><th>Revision</th><th>Tags moved</th><th>Uploaded</th></tr>${results.flatMap((result) => result.receipts.map((receipt) => `<tr><td>${escapeHtml(receipt.target === 'store' ? input.storePath : receipt.target)}</td><td>${escapeHtml(result.cell.id)}</td><td><code>${escapeHtml(receipt.revision)}</code></td><td class="num">${receipt.movedTags.length}</td><td class="num">${formatBytes(receipt.uploadedBytes)}</td></tr>`)).join('') || '<tr><td colspan="5">nothing</td></tr>'}</table></div>
</main></body></html>
`;
}

function verdict(total: number, good: number): string {
  return good === total
    ? 'Every image was assembled, tested on its exact digest, and published.'
    : `${total - good} of ${total} images need attention; the others were not held back.`;
}

function imageRow(result: CellResult): string {
  const size = result.candidate?.platforms.reduce((sum, platform) => sum + platform.sizeBytes, 0);
  const tags = result.receipts[0]?.tags ?? [];
  return `<tr><td>${nameOf(result)}</td><td>${pill(result.outcome)}${result.reason ? `<br><small>${escapeHtml(result.reason)}</small>` : ''}</td><td>${escapeHtml(result.reports.map(({ report }) => testsLine(report)).join('; ') || 'none')}</td><td class="num">${size === undefined ? '' : formatBytes(size)}</td><td><code>${escapeHtml(result.candidate?.index.digest ?? '')}</code></td><td>${tags.map((tag) => `<span class="tag">${escapeHtml(tag)}</span>`).join('')}</td></tr>`;
}

/** A cell of the matrix by what it is, another by its name. */
function nameOf({ cell }: CellResult): string {
  return cell.release === ''
    ? `<b>${escapeHtml(cell.id)}</b><br>from a Dockerfile`
    : `<b>Node.js ${escapeHtml(cell.release)}</b><br>${escapeHtml(cell.base)}, ${escapeHtml(cell.variant)}`;
}

function testsLine(report: TestReport): string {
  if (report.result === 'untested') return 'untested';
  return passedText(report.cases, ' of ');
}

function timeline(results: readonly CellResult[]): string {
  const start = Math.min(...results.map((result) => result.startedAtMs));
  const end = Math.max(...results.map((result) => result.startedAtMs + result.seconds * 1000));
  const span = Math.max(1, end - start);
  return results
    .map(
      (result) =>
        `<div class="row"><div>${escapeHtml(result.cell.id)}</div><div class="track"><i style="left:${(((result.startedAtMs - start) / span) * 100).toFixed(2)}%;width:${Math.max(0.4, ((result.seconds * 1000) / span) * 100).toFixed(2)}%"></i></div><div style="text-align:right">${formatSeconds(result.seconds)}</div></div>`,
    )
    .join('');
}

function testDetails(result: CellResult): string {
  return result.reports
    .map(({ report, reused }) => {
      const rows = report.cases.map(
        (item) =>
          `<tr><td><span class="${toneOf(item.result)}">${item.result}</span></td><td>${escapeHtml(item.id)}</td><td>${escapeHtml(item.suite)}</td><td class="num">${item.durationMs} ms</td><td>${escapeHtml(problemText(item))}</td></tr>`,
      );
      const how = reused
        ? 'passed earlier on this digest'
        : `run with ${report.runtime.name} ${report.runtime.version}`;
      return `<details${report.result === 'failed' ? ' open' : ''}><summary>${escapeHtml(result.cell.id)}, ${escapeHtml(report.platform)}: ${escapeHtml(testsLine(report))} (${escapeHtml(how)})</summary><table><tr><th>Result</th><th>Test</th><th>Suite</th><th>Time</th><th>Problem</th></tr>${rows.join('')}</table></details>`;
    })
    .join('');
}

/** What does not apply is neither good nor bad. */
function toneOf(result: TestReport['cases'][number]['result']): string {
  if (result === 'not-applicable') return 'quiet';
  return result === 'passed' ? 'good' : result === 'failed' ? 'bad' : 'warn';
}

function inputRow(input: Lock['inputs'][number]): string {
  return `<tr><td>${escapeHtml(describeInput(input))}</td><td>${escapeHtml(input.kind === 'deb' ? input.origin.suite : input.origin.source)}</td><td class="num">${formatBytes(input.size)}</td><td>${escapeHtml(proofOf(input))}</td><td><code>${escapeHtml(input.digest)}</code></td></tr>`;
}

/** What was checked before the input was used. */
function proofOf(input: Lock['inputs'][number]): string {
  switch (input.origin.source) {
    case 'debian':
      return 'signed archive index, SHA-256';
    case 'npm':
      return `sha512 integrity; signature ${input.origin.signature}`;
    case 'nodejs-dist':
      return `PGP signature by ${input.origin.signedBy.join(', ')}`;
    case 'image':
      return `digest; the tag was ${input.origin.index}`;
  }
}

function uniqueBytes(results: readonly CellResult[]): number {
  const layers = new Map(
    results.flatMap((result) => (result.candidate?.blobs ?? []).map((blob) => [blob.digest, blob.size] as const)),
  );
  return [...layers.values()].reduce((sum, size) => sum + size, 0);
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
