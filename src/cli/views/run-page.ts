import type { CellResult } from '../../pipeline.ts';
import { describeInput } from '../../sources/input.ts';
import type { Lock } from '../../stages/resolve/lock.ts';
import type { TestReport } from '../../stages/test/report.ts';
import { formatBytes, formatSeconds, escapeHtml } from './text.ts';
import { sizeChart } from './size-chart.ts';

export interface RunPageInput {
  readonly name: string;
  readonly startedAt: Date;
  readonly seconds: number;
  readonly results: readonly CellResult[];
  readonly lock: Lock;
  readonly storePath: string;
}

const style = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6a7c;--line:#dde3ea;--page:#f6f8fa;--card:#fff;--good:#1a7f4b;--bad:#b3261e;--warn:#9a6700;--a:#2f6fde;--b:#7c53c3;--c:#c2571a;--d:#0f8b8d;--e:#8fb4ef}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#9aa7b8;--line:#2c3644;--page:#10151c;--card:#18202a;--good:#4cc38a;--bad:#ff8a80;--warn:#e3b341;--a:#6ea8ff;--b:#b794f6;--c:#f0975a;--d:#4fc6c8;--e:#3d6fb8}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 12px}p.sub{color:var(--soft);margin:0 0 20px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.card b{display:block;font-size:24px;font-weight:650}.card span{color:var(--soft);font-size:13px}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:9px 12px;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}th{font-size:12.5px;color:var(--soft);font-weight:600;white-space:nowrap}
td.num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}code{font:12.5px/1.5 ui-monospace,"SFMono-Regular",Menlo,monospace;word-break:break-all}
.pill{display:inline-block;padding:1px 9px;border-radius:99px;font-size:12.5px;font-weight:600;border:1px solid currentColor;white-space:nowrap}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.tag{display:inline-block;margin:1px 4px 1px 0;padding:0 7px;border:1px solid var(--line);border-radius:6px;font-size:12.5px;white-space:nowrap}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:8px 0;padding:10px 14px}summary{cursor:pointer;font-weight:600}details table{margin-top:8px}
.bar{height:12px;border-radius:3px}.row{display:grid;grid-template-columns:230px 1fr 80px;gap:10px;align-items:center;padding:5px 12px}.track{position:relative;height:14px;background:color-mix(in srgb,var(--line) 60%,transparent);border-radius:4px;overflow:hidden;display:flex}
.track i{position:absolute;top:0;bottom:0;border-radius:4px;background:var(--a)}.track s{display:block;height:100%}.legend{padding:8px 12px;color:var(--soft);font-size:13px}.dot{display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 5px 0 12px}
@media(max-width:640px){.row{grid-template-columns:1fr}.row>:last-child{text-align:left!important}}`;

/** One page that stands alone: what was built, from what, how it was tested, where it is published, and how long it took. */
export function renderRunPage(input: RunPageInput): string {
  const { results } = input;
  const good = results.filter((result) => ['published', 'unchanged', 'tested', 'built'].includes(result.outcome));
  const cases = results.flatMap((result) => result.reports.flatMap(({ report }) => report.cases));
  const passed = cases.filter((item) => item.result === 'passed').length;
  const tags = results.reduce((sum, result) => sum + (result.receipts[0]?.tags.length ?? 0), 0);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(input.name)}: run of ${escapeHtml(day(input.startedAt))}</title><style>${style}</style></head><body><main>
<h1>${escapeHtml(input.name)}</h1>
<p class="sub">Run of ${escapeHtml(input.startedAt.toISOString().replace('T', ' ').slice(0, 16))} UTC, inputs chosen on ${escapeHtml(input.lock.date)}. ${verdict(results.length, good.length)}</p>
<div class="cards">
${card(`${good.length} of ${results.length}`, 'images in order')}${card(`${passed} of ${cases.length}`, 'tests passed')}${card(String(tags), 'tags published')}${card(formatBytes(uniqueBytes(results)), 'in the registry, layers counted once')}${card(formatSeconds(input.seconds), 'whole run')}
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

function card(value: string, label: string): string {
  return `<div class="card"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`;
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
  return `${report.cases.filter((item) => item.result === 'passed').length} of ${report.cases.length}`;
}

function pill(outcome: string): string {
  const tone = ['failed', 'error'].includes(outcome)
    ? 'bad'
    : ['blocked', 'untested'].includes(outcome)
      ? 'warn'
      : 'good';
  return `<span class="pill ${tone}">${escapeHtml(outcome)}</span>`;
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
          `<tr><td>${item.result === 'passed' ? '<span class="good">passed</span>' : '<span class="bad">failed</span>'}</td><td>${escapeHtml(item.id)}</td><td>${escapeHtml(item.suite)}</td><td class="num">${item.durationMs} ms</td><td>${escapeHtml(item.problems.join('; '))}</td></tr>`,
      );
      const how = reused
        ? 'passed earlier on this digest'
        : `run with ${report.runtime.name} ${report.runtime.version}`;
      return `<details${report.result === 'failed' ? ' open' : ''}><summary>${escapeHtml(result.cell.id)}, ${escapeHtml(report.platform)}: ${escapeHtml(testsLine(report))} (${escapeHtml(how)})</summary><table><tr><th>Result</th><th>Test</th><th>Suite</th><th>Time</th><th>Problem</th></tr>${rows.join('')}</table></details>`;
    })
    .join('');
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
