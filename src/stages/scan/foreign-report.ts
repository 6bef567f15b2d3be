import { canonicalJson } from '../../core/canonical-json.ts';
import type { Context } from '../../core/context.ts';
import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import type { Signing } from '../../evidence/signing.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import type { ScannerReport } from '../../formats/scanner-reports/read-report.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { signPlanned } from '../attest/attest-cell.ts';
import { scanPredicate } from './scanner.ts';

/**
 * A report is about the digests that it names: the manifest, its configuration, or all of its layers.
 * @throws Failure UNVERIFIED for a report about another image
 */
export async function requireAbout(report: ScannerReport, store: LayoutStore, manifest: Descriptor): Promise<void> {
  if (report.digests.length === 0) return;
  const { config } = await readManifest(store, manifest.digest);
  const { rootfs } = await readImageConfig(store, await readManifest(store, manifest.digest));
  const named = new Set(report.digests);
  const hasLayers = rootfs.diff_ids.length > 0 && rootfs.diff_ids.every((digest) => named.has(digest));
  if (named.has(manifest.digest) || named.has(config.digest) || hasLayers) return;
  throw new Failure(
    'UNVERIFIED',
    `the report of ${report.scanner} is about ${report.digests[0]}, not about ${manifest.digest}`,
    {
      hint: 'scan exactly this digest',
    },
  );
}

/** Attaches a report as evidence. @throws Failure UNVERIFIED for one that does not say what it is about */
export async function signReport(
  store: LayoutStore,
  subject: Descriptor,
  { report, name, signing }: { readonly report: ScannerReport; readonly name: string; readonly signing: Signing },
  context: Context,
): Promise<void> {
  if (report.digests.length === 0 || report.date === undefined)
    throw new Failure(
      'UNVERIFIED',
      `the report of ${report.scanner} does not say which image it is about, or of when it is`,
      {
        hint: 'only a report that names a digest and a date can be signed',
      },
    );
  const { findings, scanner, version, date } = report;
  const feed = {
    name: scanner,
    kind: 'report',
    digest: digestOf(canonicalJson(report)),
    date,
    fetchedOn: context.verificationTime.toISOString(),
    entries: Math.max(1, findings.length),
  };
  const scan = { findings, feeds: [feed], unmatched: [], findingsDigest: digestOf(canonicalJson(findings)) };
  const made = scanPredicate(scan, new Date(date)) as { readonly scanner: object };
  const predicate = {
    ...made,
    scanner: { ...made.scanner, uri: `https://nodeworthy.io/scanners/${scanner}`, version },
  };
  await signPlanned(
    store,
    [{ subject, kind: 'scan', basis: { report: feed.digest }, predicate: () => predicate }],
    { name, signing },
    context,
  );
}
