import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { openSigning } from '../../evidence/signing.ts';
import type { FeedState, Finding } from '../../formats/attestation/predicate-shapes.ts';
import { readScannerReport, scannerNames, type ScannerReport } from '../../formats/scanner-reports/read-report.ts';
import { sarifDocument } from '../../formats/vulnerabilities/sarif.ts';
import { sbomOfImage } from '../../stages/attest/sbom-of-image.ts';
import { obtainImage } from '../../stages/obtain/obtain-image.ts';
import { requireAbout, signReport } from '../../stages/scan/foreign-report.ts';
import { openScanner } from '../../stages/scan/scanner.ts';
import { choosePlatform } from '../../stages/test/test-image.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { severityCounts } from '../views/pending-view.ts';
import { renderTable } from '../views/text.ts';
import { storeFolder } from '../store-folder.ts';
import { openStore, openWorkspace } from '../workspace.ts';

interface ScanResult {
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: string;
  readonly findings: readonly Finding[];
  readonly feeds: readonly FeedState[];
  readonly unmatched: readonly string[];
  readonly format: 'table' | 'sarif';
}

export const scan = defineCommand<ScanResult>({
  name: 'scan',
  summary: 'Look up the known vulnerabilities of an image, or take over the report of another scanner',
  positional: 'REF',
  options: {
    ...recipeOptions,
    platform: { type: 'string', summary: 'Platform of REF; this machine’s without it', value: 'OS/ARCH' },
    format: { type: 'string', summary: 'table or sarif; --json for all there is', value: 'NAME' },
    from: { type: 'string', summary: `Report of another scanner: ${scannerNames.join(', ')}`, value: 'TOOL:FILE' },
    sign: { type: 'boolean', summary: 'With --from: attach it as signed evidence' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const reference = options['_'];
    if (typeof reference !== 'string')
      throw new Failure('USAGE', 'scan: name an image', { hint: 'a tag, or any reference' });
    const format = String(options['format'] ?? 'table');
    if (format !== 'table' && format !== 'sarif')
      throw new Failure('USAGE', `scan: there is no format ${JSON.stringify(format)}`, {
        hint: 'table or sarif; --json for JSON',
      });
    if (options['sign'] === true && options['from'] === undefined)
      throw new Failure('USAGE', 'scan: --sign goes with --from', {
        hint: 'scans of our own are signed by `nodeworthy run`',
      });
    const obtained = await obtainImage(reference, { storePath: storeFolder(input), cwd, context });
    const { manifest, platform } = await choosePlatform(obtained, options['platform'] as string | undefined);
    const about = { reference, digest: manifest.digest, platform, format } as const;
    const from = options['from'];
    if (typeof from === 'string') {
      const report = await readForeign(from, cwd);
      await requireAbout(report, obtained.store, manifest);
      if (options['sign'] === true) {
        const { loaded } = await openWorkspace(input);
        const signing = await openSigning(loaded, context);
        await signReport(obtained.store, manifest, { report, name: loaded.recipe.name, signing }, context);
        await signing.close();
      }
      return { ...about, findings: report.findings, feeds: [], unmatched: [] };
    }
    return { ...about, ...(await scanImage(input, { store: obtained.store, manifest, platform })) };
  },
  pretty: ({ reference, digest, platform, findings, feeds, unmatched, format }) =>
    format === 'sarif'
      ? canonicalJson(sarifDocument(findings, { name: reference, digest }))
      : [
          `${reference} ${platform} ${digest}`,
          `${findings.length} known vulnerabilities${findings.length > 0 ? `: ${severityCounts(findings)}` : ''}`,
          ...feeds.map(({ name, entries, date }) => `feed ${name}: ${entries} entries, made ${date.slice(0, 10)}`),
          ...(unmatched.length > 0
            ? [`no feed speaks about ${unmatched.length} components, like ${unmatched[0]}`]
            : []),
          ...(findings.length > 0
            ? [
                '',
                renderTable(
                  ['severity', 'vulnerability', 'in', 'version', 'repaired in', 'notes'],
                  findings.map((item) => [
                    item.severity,
                    item.id,
                    item.name,
                    item.version,
                    item.fixedVersion ?? '-',
                    [item.kev ? 'exploited' : '', item.vex ? `VEX ${item.vex.status}` : ''].filter(Boolean).join(' '),
                  ]),
                ),
              ]
            : []),
        ].join('\n'),
  json: ({ format, ...result }) =>
    format === 'sarif' ? sarifDocument(result.findings, { name: result.reference, digest: result.digest }) : result,
});

async function readForeign(from: string, cwd: string): Promise<ScannerReport> {
  const [, tool = '', file = ''] = /^([a-z-]+):(.+)$/.exec(from) ?? [];
  const scanner = scannerNames.find((name) => name === tool);
  if (!scanner)
    throw new Failure('USAGE', `scan: --from ${JSON.stringify(from)} names no scanner`, {
      hint: `write TOOL:FILE with one of ${scannerNames.join(', ')}`,
    });
  const path = resolve(cwd, file);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('USAGE', `scan: there is no report ${path}`, { hint: 'check the path', cause: error });
  });
  try {
    return readScannerReport(scanner, text);
  } catch (error) {
    throw new Failure('FEED_INVALID', `${path} is no whole report of ${scanner}`, {
      hint: 'write it as JSON: grype -o json, trivy --format json, osv-scanner --format json',
      cause: error,
    });
  }
}

async function scanImage(
  input: CommandContext,
  {
    store,
    manifest,
    platform,
  }: {
    readonly store: Parameters<typeof sbomOfImage>[0];
    readonly manifest: Parameters<typeof sbomOfImage>[1];
    readonly platform: string;
  },
) {
  const workspace = await openWorkspace(input);
  const scanner = await openScanner({
    store: await openStore(workspace),
    loaded: workspace.loaded,
    context: input.context,
  });
  if (!scanner)
    throw new Failure('FEED_INVALID', 'the recipe names no feed: there is nothing to look up', {
      hint: 'name some under feeds; debian-archive needs nothing but the mirror',
    });
  try {
    const { findings, feeds, unmatched } = scanner.scan(await sbomOfImage(store, manifest, platform));
    return { findings, feeds, unmatched };
  } finally {
    scanner.close();
  }
}
