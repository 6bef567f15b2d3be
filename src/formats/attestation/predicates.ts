/**
 * What can be said of an image, each with the type its statement has. The types are those of the field where there is
 * one: SLSA, in-toto, CycloneDX, SPDX, OpenVEX, cosign; the others are ours.
 */
export const predicateTypes = {
  signature: 'https://sigstore.dev/cosign/sign/v1',
  'sbom-cyclonedx': 'https://cyclonedx.org/bom',
  'sbom-spdx': 'https://spdx.dev/Document',
  provenance: 'https://slsa.dev/provenance/v1',
  tests: 'https://in-toto.io/attestation/test-result/v0.1',
  scan: 'https://in-toto.io/attestation/vulns/v0.2',
  configuration: 'https://nodeworthy.io/predicates/configuration/v1',
  contract: 'https://nodeworthy.io/predicates/contract/v1',
  reproduction: 'https://nodeworthy.io/predicates/reproduction/v1',
  vex: 'https://openvex.dev/ns/v0.2.0',
  approval: 'https://nodeworthy.io/predicates/approval/v1',
  certificate: 'https://slsa.dev/verification_summary/v1',
  revocation: 'https://nodeworthy.io/predicates/revocation/v1',
  'end-of-life': 'https://nodeworthy.io/predicates/end-of-life/v1',
} as const satisfies Record<string, string>;

export type PredicateKind = keyof typeof predicateTypes;

export const predicateKinds = Object.keys(predicateTypes) as readonly PredicateKind[];

/** What a key may be trusted to state: a kind, or a group of them. `failures` are the same kinds with a bad result. */
export const statementGroups = {
  evidence: [
    'signature',
    'sbom-cyclonedx',
    'sbom-spdx',
    'provenance',
    'tests',
    'scan',
    'configuration',
    'contract',
    'reproduction',
  ],
  certificates: ['certificate', 'end-of-life'],
  revocations: ['revocation'],
  approvals: ['approval'],
  vex: ['vex'],
  failures: [],
} as const satisfies Record<string, readonly PredicateKind[]>;

export type StatementGroup = keyof typeof statementGroups;

export function kindOfType(predicateType: string): PredicateKind | undefined {
  return predicateKinds.find((kind) => predicateTypes[kind] === predicateType);
}
