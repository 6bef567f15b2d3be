import type { Finding, Severity } from '../attestation/predicate-shapes.ts';

const levels: Readonly<Record<Severity, string>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  unknown: 'warning',
  low: 'note',
  negligible: 'none',
};

/** SARIF 2.1.0, as code-scanning pages take it: a rule per vulnerability, a result per component. */
export function sarifDocument(
  findings: readonly Finding[],
  image: { readonly name: string; readonly digest: string },
): object {
  const rules = new Map(findings.map((finding) => [finding.id, finding]));
  const ids = [...rules.keys()];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'nodeworthy',
            informationUri: 'https://nodeworthy.io',
            rules: [...rules.values()].map(({ id, summary, severity, score }) => ({
              id,
              shortDescription: { text: summary?.slice(0, 200) ?? id },
              properties: {
                tags: ['security', 'vulnerability', severity],
                ...(score === undefined ? {} : { 'security-severity': score.toFixed(1) }),
              },
            })),
          },
        },
        results: findings.map((finding) => ({
          ruleId: finding.id,
          ruleIndex: ids.indexOf(finding.id),
          level: levels[finding.severity],
          message: {
            text: `${finding.name} ${finding.version} has ${finding.id}${finding.fixedVersion === undefined ? ', not repaired yet' : `, repaired in ${finding.fixedVersion}`}`,
          },
          locations: [
            {
              physicalLocation: { artifactLocation: { uri: `${image.name}@${image.digest}` } },
              logicalLocations: [{ fullyQualifiedName: finding.component, kind: 'package' }],
            },
          ],
          partialFingerprints: { vulnerability: `${finding.id} ${finding.component}` },
          ...(finding.vex
            ? { suppressions: [{ kind: 'external', justification: finding.vex.justification ?? finding.vex.status }] }
            : {}),
        })),
      },
    ],
  };
}
