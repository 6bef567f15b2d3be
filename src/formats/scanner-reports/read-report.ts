import { z } from 'zod';
import { compareText } from '../../core/canonical-json.ts';
import { parseJson } from '../../core/json.ts';
import { severities, type Finding, type Severity } from '../attestation/predicate-shapes.ts';
import { severityOfWord } from '../vulnerabilities/advisory.ts';

/** Scanners whose reports are understood. */
export const scannerNames = ['grype', 'trivy', 'osv-scanner'] as const;
export type ScannerName = (typeof scannerNames)[number];

export interface ScannerReport {
  readonly scanner: ScannerName;
  readonly version: string;
  /** When its database was made, else the report; ISO time. Undefined when it says neither. */
  readonly date: string | undefined;
  /** Digests of the image that it is about: manifest, index, configuration or layers; none when it does not say. */
  readonly digests: readonly string[];
  readonly findings: readonly Finding[];
}

const Grype = z.looseObject({
  matches: z.array(
    z.looseObject({
      vulnerability: z.looseObject({
        id: z.string(),
        severity: z.string().optional(),
        description: z.string().optional(),
        fix: z.looseObject({ versions: z.array(z.string()).nullish(), state: z.string().optional() }).optional(),
        cvss: z
          .array(z.looseObject({ metrics: z.looseObject({ baseScore: z.number().optional() }).optional() }))
          .nullish(),
        knownExploited: z.array(z.unknown()).nullish(),
      }),
      relatedVulnerabilities: z.array(z.looseObject({ id: z.string() })).nullish(),
      artifact: z.looseObject({ name: z.string(), version: z.string(), purl: z.string().optional() }),
    }),
  ),
  source: z.looseObject({
    target: z.union([
      z.string(),
      z.looseObject({
        imageID: z.string().optional(),
        manifestDigest: z.string().optional(),
        repoDigests: z.array(z.string()).nullish(),
      }),
    ]),
  }),
  descriptor: z.looseObject({
    name: z.literal('grype'),
    version: z.string(),
    timestamp: z.string().optional(),
    db: z
      .looseObject({ built: z.string().optional(), status: z.looseObject({ built: z.string().optional() }).optional() })
      .optional(),
  }),
});

const Trivy = z.looseObject({
  SchemaVersion: z.number(),
  CreatedAt: z.string().optional(),
  Trivy: z.looseObject({ Version: z.string().optional() }).optional(),
  Metadata: z
    .looseObject({
      ImageID: z.string().optional(),
      RepoDigests: z.array(z.string()).nullish(),
      DiffIDs: z.array(z.string()).nullish(),
    })
    .optional(),
  Results: z
    .array(
      z.looseObject({
        Target: z.string(),
        Vulnerabilities: z
          .array(
            z.looseObject({
              VulnerabilityID: z.string(),
              PkgName: z.string(),
              PkgIdentifier: z.looseObject({ PURL: z.string().optional() }).optional(),
              InstalledVersion: z.string(),
              FixedVersion: z.string().optional(),
              Severity: z.string().optional(),
              Title: z.string().optional(),
              CVSS: z.record(z.string(), z.looseObject({ V3Score: z.number().optional() })).optional(),
            }),
          )
          .nullish(),
      }),
    )
    // Nothing that was looked at is no clean result.
    .min(1),
});

const OsvScanner = z.looseObject({
  results: z.array(
    z.looseObject({
      packages: z.array(
        z.looseObject({
          package: z.looseObject({ name: z.string(), version: z.string(), ecosystem: z.string() }),
          vulnerabilities: z
            .array(
              z.looseObject({
                id: z.string(),
                aliases: z.array(z.string()).nullish(),
                summary: z.string().nullish(),
                database_specific: z.looseObject({ severity: z.unknown().optional() }).nullish(),
              }),
            )
            .default([]),
          groups: z.array(z.looseObject({ ids: z.array(z.string()), max_severity: z.string().optional() })).nullish(),
        }),
      ),
    }),
  ),
});

/** @throws ZodError or SyntaxError for a report of another tool, or one that was cut off */
export function readScannerReport(scanner: ScannerName, text: string): ScannerReport {
  const value: unknown = parseJson(text);
  switch (scanner) {
    case 'grype':
      return fromGrype(Grype.parse(value));
    case 'trivy':
      return fromTrivy(Trivy.parse(value));
    case 'osv-scanner':
      return fromOsvScanner(OsvScanner.parse(value));
  }
}

function fromGrype({ matches, source, descriptor }: z.infer<typeof Grype>): ScannerReport {
  const target = typeof source.target === 'string' ? {} : source.target;
  const built = descriptor.db?.built ?? descriptor.db?.status?.built ?? descriptor.timestamp;
  return {
    scanner: 'grype',
    version: descriptor.version,
    date: isoOf(built),
    digests: digestsIn([target.imageID, target.manifestDigest, ...(target.repoDigests ?? [])]),
    findings: sorted(
      matches.map(({ vulnerability, relatedVulnerabilities, artifact }) => {
        const scores = (vulnerability.cvss ?? []).flatMap(({ metrics }) => metrics?.baseScore ?? []);
        return finding('grype', {
          names: [vulnerability.id, ...(relatedVulnerabilities ?? []).map(({ id }) => id)],
          artifact,
          severity: severityOfWord(vulnerability.severity),
          fixedVersion: vulnerability.fix?.versions?.[0],
          score: scores.length > 0 ? Math.max(...scores) : undefined,
          summary: vulnerability.description,
          kev: (vulnerability.knownExploited ?? []).length > 0,
        });
      }),
    ),
  };
}

function fromTrivy(report: z.infer<typeof Trivy>): ScannerReport {
  const { Metadata: metadata } = report;
  return {
    scanner: 'trivy',
    version: report.Trivy?.Version ?? '',
    date: isoOf(report.CreatedAt),
    digests: digestsIn([metadata?.ImageID, ...(metadata?.RepoDigests ?? []), ...(metadata?.DiffIDs ?? [])]),
    findings: sorted(
      report.Results.flatMap(({ Vulnerabilities: list }) =>
        (list ?? []).map((item) => {
          const scores = Object.values(item.CVSS ?? {}).flatMap(({ V3Score: score }) => score ?? []);
          return finding('trivy', {
            names: [item.VulnerabilityID],
            artifact: { name: item.PkgName, version: item.InstalledVersion, purl: item.PkgIdentifier?.PURL },
            severity: severityOfWord(item.Severity),
            fixedVersion: item.FixedVersion,
            score: scores.length > 0 ? Math.max(...scores) : undefined,
            summary: item.Title,
            kev: false,
          });
        }),
      ),
    ),
  };
}

function fromOsvScanner({ results }: z.infer<typeof OsvScanner>): ScannerReport {
  return {
    scanner: 'osv-scanner',
    version: '',
    date: undefined,
    digests: [],
    findings: sorted(
      results.flatMap(({ packages }) =>
        packages.flatMap(({ package: item, vulnerabilities, groups }) =>
          vulnerabilities.map((entry) => {
            const score = Number(groups?.find(({ ids }) => ids.includes(entry.id))?.max_severity ?? Number.NaN);
            const word = entry.database_specific?.severity;
            return finding('osv-scanner', {
              names: [entry.id, ...(entry.aliases ?? [])],
              artifact: { name: item.name, version: item.version },
              severity: severityOfWord(typeof word === 'string' ? word : undefined),
              fixedVersion: undefined,
              score: Number.isNaN(score) ? undefined : score,
              summary: entry.summary ?? undefined,
              kev: false,
            });
          }),
        ),
      ),
    ),
  };
}

interface Reported {
  readonly names: readonly string[];
  readonly artifact: { readonly name: string; readonly version: string; readonly purl?: string | undefined };
  readonly severity: Severity;
  readonly fixedVersion: string | undefined;
  readonly score: number | undefined;
  readonly summary: string | undefined;
  readonly kev: boolean;
}

function finding(
  scanner: ScannerName,
  { names, artifact, severity, fixedVersion, score, summary, kev }: Reported,
): Finding {
  const id = names.find((name) => name.startsWith('CVE-')) ?? names[0] ?? '';
  return {
    id,
    aliases: [...new Set(names)].filter((name) => name !== id).sort(compareText),
    component: artifact.purl || `pkg:generic/${artifact.name}@${artifact.version}`,
    name: artifact.name,
    version: artifact.version,
    severity,
    ...(score === undefined ? {} : { score }),
    ...(fixedVersion ? { fixedVersion } : {}),
    kev,
    feeds: [scanner],
    ...(summary === undefined ? {} : { summary }),
  };
}

function sorted(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      compareText(`${a.id} ${a.component}`, `${b.id} ${b.component}`),
  );
}

function digestsIn(names: readonly (string | undefined)[]): string[] {
  return names.flatMap((name) => /sha256:[0-9a-f]{64}/.exec(name ?? '')?.[0] ?? []);
}

function isoOf(time: string | undefined): string | undefined {
  const parsed = Date.parse(time ?? '');
  return Number.isNaN(parsed) ? undefined : new Date(parsed).toISOString();
}
