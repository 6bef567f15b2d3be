import { z } from 'zod';
import { DigestSchema } from '../oci/descriptor.ts';

const Sha256 = z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const Time = z.iso.datetime();

/** in-toto "Test Result" v0.1, one statement per suite; what begins with `nodeworthy_` is ours. */
export const TestResultSchema = z.looseObject({
  result: z.enum(['PASSED', 'WARNED', 'FAILED']),
  configuration: z.array(z.looseObject({ name: z.string(), digest: Sha256 })).min(1),
  passedTests: z.array(z.string()).default([]),
  warnedTests: z.array(z.string()).default([]),
  failedTests: z.array(z.string()).default([]),
  /** Neither passed nor missing. */
  nodeworthy_notApplicable: z.array(z.looseObject({ id: z.string(), reason: z.string() })).default([]),
  nodeworthy_platform: z.string(),
  nodeworthy_finishedOn: Time,
});

export const severities = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const;
export type Severity = (typeof severities)[number];

export const FindingSchema = z.looseObject({
  /** A CVE where there is one. */
  id: z.string(),
  aliases: z.array(z.string()),
  /** Package URL, name and version of what is affected. */
  component: z.string(),
  name: z.string(),
  version: z.string(),
  severity: z.enum(severities),
  score: z.number().optional(),
  /** Version that has the repair; absent where there is none. */
  fixedVersion: z.string().optional(),
  /** ISO day since when there is a repair, as far as feeds tell. */
  fixedSince: z.string().optional(),
  /** Known to be exploited (CISA). */
  kev: z.boolean(),
  /** Probability of exploitation within 30 days, 0 to 1 (FIRST). */
  epss: z.number().optional(),
  /** A VEX document says that it does not matter here, and why. */
  vex: z.strictObject({ status: z.string(), justification: z.string().optional(), document: z.string() }).optional(),
  feeds: z.array(z.string()),
  summary: z.string().optional(),
});
export type Finding = z.infer<typeof FindingSchema>;

export const FeedStateSchema = z.looseObject({
  name: z.string(),
  kind: z.string(),
  digest: DigestSchema,
  /** When its maker made it, as far as it says; else when it was fetched. */
  date: Time,
  fetchedOn: Time,
  entries: z.number(),
});
export type FeedState = z.infer<typeof FeedStateSchema>;

/** in-toto "Vulnerabilities" v0.2. */
export const ScanSchema = z.looseObject({
  scanner: z.looseObject({
    uri: z.string(),
    db: z.looseObject({ version: z.string().optional(), lastUpdate: Time }),
    result: z.array(z.looseObject({ id: z.string() })),
  }),
  metadata: z.looseObject({ scanStartedOn: Time, scanFinishedOn: Time }),
  nodeworthy_findings: z.array(FindingSchema),
  nodeworthy_feeds: z.array(FeedStateSchema),
  /** Components that no feed speaks about. */
  nodeworthy_unmatched: z.array(z.string()),
  /** Digest over the findings alone: it stays the same while feeds change elsewhere. */
  nodeworthy_findingsDigest: DigestSchema,
});

/** SLSA provenance v1, as far as gates read it. */
export const ProvenanceSchema = z.looseObject({
  buildDefinition: z.looseObject({
    buildType: z.string(),
    externalParameters: z.record(z.string(), z.unknown()),
    internalParameters: z
      .looseObject({ author: z.string().optional(), configuration: z.string().optional() })
      .optional(),
    resolvedDependencies: z.array(z.looseObject({ digest: Sha256, name: z.string().optional() })),
  }),
  runDetails: z.looseObject({ builder: z.looseObject({ id: z.string() }) }),
});

export const ConfigurationSchema = z.looseObject({
  configuration: z.string(),
  hardening: z.array(z.string()),
  overlays: z.record(z.string(), z.string()),
  user: z.string(),
});

export const ReproductionSchema = z.looseObject({
  result: z.enum(['PASSED', 'FAILED']),
  digest: DigestSchema,
  rebuiltOn: Time,
});

/** A person's decision about one digest, on the evidence that was seen. */
export const ApprovalSchema = z.looseObject({
  decision: z.enum(['approved', 'rejected']),
  environment: z.string(),
  person: z.string(),
  reason: z.string(),
  /** Statements that were seen, by kind, subject and digest; a scan by the digest of its findings. */
  evidence: z.array(z.strictObject({ kind: z.string(), subject: DigestSchema, digest: DigestSchema })),
  policy: DigestSchema,
  decidedOn: Time,
  expiresOn: Time,
  /** Gates that this approval overrules, by name: a deliberate act. */
  overrules: z.array(z.string()).default([]),
});
export type Approval = z.infer<typeof ApprovalSchema>;

export const VerdictSchema = z.looseObject({
  gate: z.string(),
  result: z.enum(['allow', 'warn', 'wait', 'deny']),
  reason: z.string(),
  fix: z.string().optional(),
  evidence: z.array(z.string()),
});

/** Who wrote what an image and its policy are made of, and the commits that were looked at, by repository. */
const SourcesSchema = z.strictObject({
  revisions: z.record(z.string(), z.string()),
  authors: z.array(z.string()),
  doubts: z.array(z.string()),
});
export type Sources = z.infer<typeof SourcesSchema>;

/** SLSA verification summary v1: our certificate. */
export const CertificateSchema = z.looseObject({
  verifier: z.looseObject({ id: z.string() }),
  timeVerified: Time,
  resourceUri: z.string(),
  policy: z.looseObject({ uri: z.string(), digest: Sha256 }),
  inputAttestations: z.array(z.looseObject({ digest: Sha256 })),
  verificationResult: z.enum(['PASSED', 'FAILED']),
  verifiedLevels: z.array(z.string()),
  nodeworthy_environment: z.string(),
  nodeworthy_validUntil: Time,
  nodeworthy_index: DigestSchema,
  nodeworthy_platforms: z.array(z.strictObject({ platform: z.string(), digest: DigestSchema })),
  nodeworthy_verdicts: z.array(VerdictSchema),
  nodeworthy_sources: SourcesSchema.optional(),
  nodeworthy_inputs: z.array(
    z.strictObject({ kind: z.string(), subject: DigestSchema, digest: DigestSchema, bundle: DigestSchema }),
  ),
});
export type Certificate = z.infer<typeof CertificateSchema>;

export const RevocationSchema = z.looseObject({
  /** `quarantined`: until somebody knows more; both stop every use. */
  action: z.enum(['revoked', 'quarantined', 'released']),
  reason: z.string(),
  by: z.string(),
  on: Time,
  /** Of a release: the quarantines that it ends, by the digests of their statements. It ends no others. */
  releases: z.array(DigestSchema).default([]),
});

export const EndOfLifeSchema = z.looseObject({ endOfLife: z.iso.date(), successor: z.string().optional() });

export const WaiversSchema = z.array(
  z.looseObject({
    vulnerability: z.string().exactOptional(),
    line: z.string().exactOptional(),
    package: z.string().exactOptional(),
    until: z.string(),
    by: z.string(),
    reason: z.string(),
  }),
);
