import { canonicalJson } from '../../core/canonical-json.ts';
import type { Context } from '../../core/context.ts';
import { hexOf, type Digest } from '../../core/digest.ts';
import type { Signing } from '../../evidence/signing.ts';
import type { Certificate, Sources } from '../../formats/attestation/predicate-shapes.ts';
import { imageReference } from '../../formats/sbom/cyclonedx.ts';
import type { Waiver } from '../../gates/gate.ts';
import { newestScans } from '../../gates/newest-scans.ts';
import { covers, stands } from '../../gates/waivers.ts';
import type { Store } from '../../store/store.ts';
import { signPlanned, type PlannedStatement } from '../attest/attest-cell.ts';
import type { GatedCell, Policy } from '../gate/gate-cell.ts';
import { certificatesFor, findingsOf } from './find-certificate.ts';
import { gradeImage, type Graded } from './grade.ts';

export const verifierId = 'https://nodeworthy.io/verifiers/gate';
const dayMs = 86_400_000;

export interface CertifyInput {
  readonly store: Store;
  readonly name: string;
  readonly policy: Policy;
  readonly gated: GatedCell;
  readonly index: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  readonly platforms: readonly {
    readonly platform: string;
    readonly manifest: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  }[];
  readonly signing: Signing;
}

/**
 * Signs what the gates said of an allowed image: a SLSA verification summary on the index and on each platform, that
 * names all that was read by digest. A certificate that says the same and is not half over is kept.
 */
export async function certifyCell(input: CertifyInput, context: Context): Promise<void> {
  const { policy, gated, signing, store } = input;
  const { now } = gated.input;
  const inputs = certificateInputs(gated);
  const basis = { inputs, policy: policy.digest, verdicts: gated.decision.verdicts };
  // The gates have read it all a moment ago.
  const standing = certificatesFor(gated.input.evidence, policy.environment);
  const halfMs = (policy.config.validDays * dayMs) / 2;
  const isFresh = standing.some(
    (certificate) =>
      Date.parse(certificate.nodeworthy_validUntil) - now.getTime() > halfMs &&
      canonicalJson(certificate.nodeworthy_inputs) === canonicalJson(inputs) &&
      certificate.policy.digest.sha256 === hexOf(policy.digest),
  );
  // The key is part of what is kept: after a rotation the new one signs.
  if (isFresh && hasOwn(input)) return;
  const statement = (subject: PlannedStatement['subject'], resourceUri: string): PlannedStatement => ({
    subject,
    kind: 'certificate',
    basis: { ...basis, since: now.toISOString() },
    predicate: async () => certificatePredicate(input, { resourceUri, inputs, now, sources: await gated.sources() }),
  });
  const { index, platforms, name } = input;
  await signPlanned(
    store,
    [
      ...platforms.map(({ platform, manifest }) =>
        statement(manifest, imageReference({ name, digest: manifest.digest, platform })),
      ),
      // The index last: where its certificate is, all are.
      statement(index, `pkg:oci/${encodeURIComponent(name)}@${index.digest}`),
    ],
    { name, signing, cell: gated.input.image.cell },
    context,
  );
}

function hasOwn({ gated, signing }: CertifyInput): boolean {
  const own = gated.input.evidence.statements.filter(({ kind }) => kind === 'certificate');
  return own.some(({ signer }) => signer.identity.kind !== 'key' || signer.identity.hint === signing.release.hint);
}

function certificateInputs(gated: GatedCell): Certificate['nodeworthy_inputs'] {
  const { input } = gated;
  const all = [input.evidence, ...input.platforms.map(({ evidence }) => evidence)];
  return all
    .flatMap((evidence) => {
      const { subject } = evidence;
      // Of each scanner the newest scan: older ones are history.
      const scans = newestScans(evidence).map(({ statement }) => statement);
      const others = evidence.statements.filter(
        ({ kind, isFailure }) => kind !== 'certificate' && kind !== 'scan' && !isFailure,
      );
      return [...others, ...scans].map(({ kind, payloadDigest, bundleDigest }) => ({
        kind,
        subject,
        digest: payloadDigest,
        bundle: bundleDigest,
      }));
    })
    .sort((a, b) => (`${a.subject} ${a.kind} ${a.bundle}` < `${b.subject} ${b.kind} ${b.bundle}` ? -1 : 1));
}

/** Waivers that excuse something that was found: an old one for what is long repaired is nobody's business. */
function usedWaivers({ input }: GatedCell): readonly Waiver[] {
  const findings = findingsOf(input.platforms);
  return input.waivers.filter(
    (waiver) => isUsedLine(waiver, input) || findings.some((finding) => covers(waiver, finding)),
  );
}

/** A line past its end is certified because of its waiver alone, also where no scan looks for it. */
function isUsedLine(waiver: Waiver, { facts }: GatedCell['input']): boolean {
  return waiver.line !== undefined && waiver.line === facts.line?.name && facts.line.phase === 'end-of-life';
}

function certificatePredicate(
  { policy, gated, platforms, index }: CertifyInput,
  {
    resourceUri,
    inputs,
    now,
    sources,
  }: {
    readonly resourceUri: string;
    readonly inputs: Certificate['nodeworthy_inputs'];
    readonly now: Date;
    readonly sources: Sources;
  },
): object {
  const { decision, input } = gated;
  const until = new Date(now.getTime() + policy.config.validDays * dayMs);
  // Nothing is certified past the day on which its line or its base ends.
  const ends = [input.facts.line?.end, input.facts.baseEnd].flatMap((day) =>
    day === undefined ? [] : [`${day}T00:00:00.000Z`],
  );
  // Nor past the last day of the waiver that lets a line through.
  const lastDays = usedWaivers(gated).flatMap((waiver) =>
    isUsedLine(waiver, input) && stands(waiver, now) ? [`${waiver.until}T23:59:59.999Z`] : [],
  );
  const bounds = [...ends, ...lastDays].filter((end) => end > now.toISOString());
  const validUntil = [until.toISOString(), ...bounds].sort()[0];
  return {
    verifier: { id: verifierId },
    timeVerified: now.toISOString(),
    resourceUri,
    policy: {
      uri: `https://nodeworthy.io/policies/${policy.environment}`,
      digest: { sha256: hexOf(policy.digest) },
    },
    inputAttestations: inputs.map(({ bundle }) => ({ digest: { sha256: hexOf(bundle) } })),
    verificationResult: 'PASSED',
    verifiedLevels: ['SLSA_BUILD_LEVEL_1'],
    slsaVersion: '1.0',
    nodeworthy_environment: policy.environment,
    nodeworthy_validUntil: validUntil,
    nodeworthy_index: index.digest,
    nodeworthy_platforms: platforms.map(({ platform, manifest }) => ({ platform, digest: manifest.digest })),
    nodeworthy_verdicts: decision.verdicts,
    nodeworthy_sources: sources,
    nodeworthy_inputs: inputs,
    nodeworthy_waivers: usedWaivers(gated),
    nodeworthy_chosenOn: input.image.chosenOn,
    nodeworthy_grade: gradeOf(gated),
  };
}

export function gradeOf({ input }: Pick<GatedCell, 'input'>): Graded {
  return gradeImage({
    since: new Date(input.image.chosenOn),
    now: input.now,
    findings: findingsOf(input.platforms),
    ends: [input.facts.line?.end, input.facts.baseEnd].flatMap((day) => day ?? []),
  });
}
