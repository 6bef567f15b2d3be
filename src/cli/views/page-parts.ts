import type { Finding } from '../../formats/attestation/predicate-shapes.ts';
import { escapeHtml } from './text.ts';

/** Style of every page that we make: it stands alone, in light and dark, on a telephone too. */
export const pageStyle = `
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

export function card(value: string, label: string): string {
  return `<div class="card"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`;
}

/** The one word that an outcome is, in the colour that it deserves. */
export function pill(outcome: string): string {
  const tone = ['failed', 'error', 'denied', 'deny'].includes(outcome)
    ? 'bad'
    : ['blocked', 'untested', 'flaky', 'not-run', 'waiting', 'wait', 'warn'].includes(outcome)
      ? 'warn'
      : outcome === 'not-applicable'
        ? 'quiet'
        : 'good';
  return `<span class="pill ${tone}">${escapeHtml(outcome)}</span>`;
}

/** The beginning of every page, up to its title. */
export function pageHead(title: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${pageStyle}</style></head><body><main>`;
}

/** What gates said: what stops first. */
export function verdictsTable(
  verdicts: readonly {
    readonly gate: string;
    readonly result: string;
    readonly reason: string;
    readonly fix?: string | undefined;
  }[],
): string {
  const order = ['deny', 'wait', 'warn', 'allow'];
  const sorted = [...verdicts].sort((a, b) => order.indexOf(a.result) - order.indexOf(b.result));
  return `<div class="scroll"><table><tr><th>Verdict</th><th>Gate</th><th>What was found</th></tr>${sorted
    .map(
      ({ gate, result, reason, fix }) =>
        `<tr><td>${pill(result)}</td><td>${escapeHtml(gate)}</td><td>${escapeHtml(reason)}${fix !== undefined && result !== 'allow' ? `<br><small>${escapeHtml(fix)}</small>` : ''}</td></tr>`,
    )
    .join('')}</table></div>`;
}

export function findingsTable(findings: readonly Finding[]): string {
  return `<div class="scroll"><table><tr><th>Severity</th><th>Vulnerability</th><th>In</th><th>Repaired in</th><th>Notes</th></tr>${findings
    .map((finding) => {
      const notes = [
        ...(finding.kev ? ['known to be exploited'] : []),
        ...(finding.epss === undefined ? [] : [`EPSS ${finding.epss}`]),
        ...(finding.vex
          ? [`VEX: ${finding.vex.status}${finding.vex.justification ? `, ${finding.vex.justification}` : ''}`]
          : []),
      ].join('; ');
      const tone = { critical: 'bad', high: 'bad', medium: 'warn', unknown: 'warn', low: 'good', negligible: 'good' }[
        finding.severity
      ];
      return `<tr><td><span class="pill ${tone}">${finding.severity}</span></td><td>${escapeHtml(finding.id)}${finding.summary ? `<br><small>${escapeHtml(finding.summary.slice(0, 160))}</small>` : ''}</td><td>${escapeHtml(`${finding.name} ${finding.version}`)}</td><td>${escapeHtml(finding.fixedVersion ?? 'not yet')}</td><td>${escapeHtml(notes)}</td></tr>`;
    })
    .join('')}</table></div>`;
}
