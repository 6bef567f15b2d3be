import { canonicalJson } from '../../core/canonical-json.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { believedEvidence } from '../../evidence/believed-evidence.ts';
import {
  CertificateSchema,
  ApprovalSchema,
  EndOfLifeSchema,
  ProvenanceSchema,
  TestResultSchema,
  type Certificate,
  type Finding,
} from '../../formats/attestation/predicate-shapes.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { readPredicate, statementsOf, type Verdict, type Waiver } from '../../gates/gate.ts';
import { readIndex, readManifest } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import { newestScans } from '../../gates/newest-scans.ts';
import { debianSuites } from '../catalog/debian-suites.ts';
import { lineName, lineOfRelease, phaseOf, type ReleaseLine } from '../catalog/release-lines.ts';
import { limitationsLabel } from '../plan/image-settings.ts';
import { bestCertificate, findingsOf } from '../certify/find-certificate.ts';
import { gradeImage, type Graded } from '../certify/grade.ts';
import type { AskedEnvironment } from '../gate/custom-gates.ts';
import { standingRestrictions } from '../../gates/members/revocation.ts';
import { verifyImage } from './verify-image.ts';

/** All that a certificate says, for people. */
export interface CertificateView {
  readonly reference: string;
  readonly digest: Digest;
  readonly title: string;
  readonly release: string;
  readonly base: string;
  readonly variant: string;
  readonly environment: string;
  readonly certifiedOn: string;
  readonly validUntil: string;
  /** What `verify` says, with the same trust and policy. */
  readonly isValid: boolean;
  /** Why it is not valid. */
  readonly problems: readonly string[];
  readonly grade: Graded;
  readonly policyDigest: string;
  readonly signedBy: string;
  readonly keyHint: string | null;
  readonly endOfLife: string | null;
  /** What stands in front of everything: the line has ended, and who takes responsibility until when. */
  readonly legacy: string | null;
  /** What the release lacks, by the image's own label. */
  readonly limitations: readonly string[];
  readonly platforms: readonly {
    readonly platform: string;
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly components: number;
    readonly tests: readonly {
      readonly suite: string;
      readonly passed: number;
      readonly notApplicable: readonly { readonly id: string; readonly reason: string }[];
      readonly runtime: string;
    }[];
  }[];
  readonly builder: string;
  readonly author: string;
  readonly inputs: readonly { readonly name: string; readonly sha256: string }[];
  readonly verdicts: readonly Verdict[];
  /** Whether the vulnerabilities of each platform were looked up. */
  readonly isScanned: boolean;
  readonly findings: readonly Finding[];
  readonly waivers: readonly Waiver[];
  readonly approvals: readonly {
    readonly person: string;
    readonly reason: string;
    readonly decidedOn: string;
    readonly overrules: readonly string[];
  }[];
  readonly revocations: readonly string[];
}

export interface DescribeOptions {
  readonly reference: string;
  readonly trust: TrustPolicy;
  readonly now: Date;
  /** As `verify` has it. */
  readonly deep: boolean;
  readonly environment: AskedEnvironment;
}

/** @throws Failure UNVERIFIED when there is no certificate that is believed */
export async function describeCertificate(
  store: Store,
  image: Descriptor,
  options: DescribeOptions,
): Promise<CertificateView> {
  const { trust, now, reference } = options;
  const own = await believedEvidence(store, image.digest, { trust, now });
  const certificate = bestCertificate(own, options.environment.name);
  if (!certificate || !isIndexType(image.mediaType))
    throw new Failure('UNVERIFIED', `${reference} (${image.digest}) has no certificate that is believed here`, {
      hint: 'see why with `nodeworthy verify --explain`',
    });
  const { checks, verified } = await verifyImage(store, image, {
    trust,
    now,
    deep: options.deep,
    environment: options.environment,
  });
  const index = await readIndex(store, image.digest);
  const annotations = index.annotations ?? {};
  const [provenance] = statementsOf(own, 'provenance').flatMap((item) => readPredicate(item, ProvenanceSchema) ?? []);
  const platforms: CertificateView['platforms'][number][] = [];
  const findings = new Map<string, Finding>();
  const restrictions = standingRestrictions(own);
  let isScanned = true;
  for (const entry of index.manifests) {
    const evidence = await believedEvidence(store, entry.digest, { trust, now });
    const manifest = await readManifest(store, entry.digest);
    restrictions.push(...standingRestrictions(evidence));
    isScanned &&= newestScans(evidence).length > 0;
    for (const finding of findingsOf([{ evidence }])) findings.set(`${finding.id} ${finding.component}`, finding);
    const [sbom] = statementsOf(evidence, 'sbom-cyclonedx');
    platforms.push({
      platform: `${entry.platform?.os}/${entry.platform?.architecture}`,
      digest: entry.digest,
      sizeBytes: [manifest.config, ...manifest.layers].reduce((sum, blob) => sum + blob.size, 0),
      components: Array.isArray(sbom?.predicate['components']) ? sbom.predicate['components'].length : 0,
      tests: statementsOf(evidence, 'tests').flatMap((item) => {
        const result = readPredicate(item, TestResultSchema);
        if (!result) return [];
        const runtime = result['nodeworthy_runtime'] as
          | { readonly name?: string; readonly version?: string }
          | undefined;
        return [
          {
            suite: result.configuration[0]?.name ?? '',
            passed: result.passedTests.length,
            notApplicable: result.nodeworthy_notApplicable,
            runtime: `${runtime?.name ?? ''} ${runtime?.version ?? ''}`.trim(),
          },
        ];
      }),
    });
  }
  const signer = statementsOf(own, 'certificate').find((item) => {
    const read = readPredicate(item, CertificateSchema);
    return read && canonicalJson(read) === canonicalJson(certificate);
  })?.signer;
  const release = annotations['org.opencontainers.image.version'] ?? '';
  const base = annotations['io.nodeworthy.base'] ?? '';
  const line = lineOfRelease(release);
  const baseEnd = debianSuites.find(({ codename }) => codename === base)?.endOfLife;
  const list = [...findings.values()];
  const waivers = (certificate['nodeworthy_waivers'] ?? []) as readonly Waiver[];
  const [last] = statementsOf(own, 'end-of-life').flatMap((item) => readPredicate(item, EndOfLifeSchema) ?? []);
  return {
    reference,
    digest: image.digest,
    title: annotations['org.opencontainers.image.title'] ?? '',
    release,
    base,
    variant: annotations['io.nodeworthy.variant'] ?? '',
    environment: certificate.nodeworthy_environment,
    certifiedOn: certificate.timeVerified,
    validUntil: certificate.nodeworthy_validUntil,
    isValid: verified,
    problems: checks.flatMap(({ id, ok, reason }) => (ok ? [] : [`${id}: ${reason}`])),
    grade: gradeImage({
      since: new Date(chosenOn(certificate)),
      now,
      findings: list,
      ends: [line?.end, baseEnd].flatMap((day) => day ?? []),
    }),
    legacy: legacyText(release, line, waivers, now),
    limitations: annotations[limitationsLabel]?.split('; ') ?? [],
    policyDigest: `sha256:${certificate.policy.digest.sha256}`,
    signedBy: signer?.name ?? '',
    keyHint: signer?.identity.kind === 'key' ? signer.identity.hint : null,
    endOfLife: last?.endOfLife ?? annotations['io.nodeworthy.end-of-life'] ?? null,
    platforms,
    builder: provenance?.runDetails.builder.id ?? '',
    author: provenance?.buildDefinition.internalParameters?.author ?? '',
    inputs: (provenance?.buildDefinition.resolvedDependencies ?? []).map(({ name, digest }) => ({
      name: name ?? '',
      sha256: digest.sha256,
    })),
    verdicts: certificate.nodeworthy_verdicts as readonly Verdict[],
    isScanned,
    findings: list,
    waivers,
    approvals: own.statements.flatMap((item) => {
      const approval = item.kind === 'approval' ? readPredicate(item, ApprovalSchema) : undefined;
      return approval?.decision === 'approved'
        ? [
            {
              person: approval.person,
              reason: approval.reason,
              decidedOn: approval.decidedOn,
              overrules: approval.overrules,
            },
          ]
        : [];
    }),
    revocations: [
      ...new Set(
        restrictions.map(({ record }) => `${record.action} on ${record.on} by ${record.by}: ${record.reason}`),
      ),
    ],
  };
}

function legacyText(
  release: string,
  line: ReleaseLine | undefined,
  waivers: readonly Waiver[],
  now: Date,
): string | null {
  if (!line || phaseOf(line, now) !== 'end-of-life') return null;
  const waiver = waivers.find((item) => item.line === lineName(line));
  const who = waiver
    ? `${waiver.by} takes responsibility until ${waiver.until}: ${waiver.reason}`
    : 'nobody took responsibility for it when it was certified';
  return `LEGACY: Node.js ${lineName(line)} ended on ${line.end}, ${release} gets no repairs. ${who}`;
}

function chosenOn(certificate: Certificate): string {
  const day = certificate['nodeworthy_chosenOn'];
  return typeof day === 'string' ? day : certificate.timeVerified;
}
