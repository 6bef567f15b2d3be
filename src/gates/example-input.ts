import { digestOf, hexOf, type Digest } from '../core/digest.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Finding, Severity } from '../formats/attestation/predicate-shapes.ts';
import type { PredicateKind } from '../formats/attestation/predicates.ts';
import { feedKinds } from '../formats/vulnerabilities/feed-kinds.ts';
import type { BelievedStatement } from '../trust/judge-bundle.ts';
import type { TrustedSigner } from '../trust/trust-policy.ts';
import { evidenceSeen } from './evidence-seen.ts';
import type { EvidenceOf, GateInput, Waiver } from './gate.ts';
import { matchesGlob } from '../core/glob.ts';

/** An image that is in order but for what is said here. */
export interface ExampleImage {
  readonly now?: string | undefined;
  readonly release?: string | undefined;
  readonly variant?: string | undefined;
  readonly cell?: string | undefined;
  readonly phase?: string | undefined;
  readonly baseEnd?: string | undefined;
  readonly sizeMegabytes?: number | undefined;
  readonly tests: 'passed' | 'failed' | 'flaky' | 'missing';
  readonly missing: readonly string[];
  readonly findings: readonly {
    readonly id: string;
    readonly severity: Severity;
    readonly package: string;
    readonly fixedVersion?: string | undefined;
    readonly fixedSince?: string | undefined;
    readonly kev: boolean;
  }[];
  readonly feedAgeDays: number;
  readonly feeds?: readonly string[] | undefined;
  readonly licenses: readonly string[];
  readonly approvals: readonly { readonly person: string; readonly roles: readonly string[] }[];
  readonly repairs: readonly string[];
  readonly doubts?: readonly string[] | undefined;
}

const author = 'author@example.com';
const platform = 'linux/amd64';
const index = digestOf('example index');
const manifest = digestOf('example platform');
const input = digestOf('example input');
const suite = { id: 'battery', digest: digestOf('example suite') };
const policy = digestOf('example policy');

/** What gates would be asked about an example: for tests of policies, which need no image. */
export function exampleInput(
  environment: string,
  image: ExampleImage,
  waivers: readonly (Waiver & { readonly cells?: string | undefined })[],
): Omit<GateInput, 'verdicts'> {
  const now = new Date(image.now ?? '2026-11-21T12:00:00Z');
  const release = image.release ?? '24.21.0';
  const variant = image.variant ?? 'runtime';
  const cell = image.cell ?? `${release}-trixie-${variant}`;
  const has = ({ kind }: BelievedStatement): boolean => !image.missing.includes(kind);
  const about = (subject: Digest, statements: readonly BelievedStatement[]): EvidenceOf => ({
    subject,
    statements: statements.filter(has),
    disbelieved: [],
  });
  const onPlatform = about(manifest, [
    statement('signature', manifest, {}),
    statement('provenance', manifest, provenance()),
    statement('sbom-cyclonedx', manifest, cycloneDx(release, image.licenses)),
    statement('sbom-spdx', manifest, { spdxVersion: 'SPDX-2.3', packages: [{}, {}] }),
    statement('configuration', manifest, { configuration: '', hardening: [], overlays: {}, user: '1000:1000' }),
    statement('contract', manifest, {}),
    statement('scan', manifest, scan(image, now)),
    ...(image.tests === 'missing'
      ? []
      : [statement('tests', manifest, testResult(image.tests, now), image.tests !== 'passed')]),
  ]);
  const plain = about(index, [
    statement('signature', index, {}),
    statement('provenance', index, provenance()),
    statement('reproduction', index, { result: 'PASSED', digest: index, rebuiltOn: now.toISOString() }),
  ]);
  const seen = evidenceSeen({ evidence: plain, platforms: [{ evidence: onPlatform }] });
  const approvals = image.approvals.map(({ person, roles }) =>
    statement(
      'approval',
      index,
      {
        decision: 'approved',
        environment,
        person,
        reason: 'example',
        evidence: seen,
        policy,
        decidedOn: now.toISOString(),
        expiresOn: new Date(now.getTime() + 86_400_000).toISOString(),
        overrules: [],
      },
      false,
      {
        name: person,
        identity: { kind: 'certificate', issuer: '', subject: '', trustedRoot: '' },
        states: ['approvals'],
        person,
        roles,
      },
    ),
  );
  return {
    now,
    environment,
    image: {
      cell,
      index,
      release,
      base: 'trixie',
      variant,
      declaredPlatforms: [platform],
      inputs: [input],
      hardening: [],
      author,
      authors: [],
      doubts: image.doubts ?? [],
      chosenOn: now.toISOString().slice(0, 10),
    },
    evidence: { ...plain, statements: [...plain.statements, ...approvals] },
    platforms: [
      {
        platform,
        digest: manifest,
        sizeBytes: (image.sizeMegabytes ?? 50) * 1e6,
        suites: [suite],
        evidence: onPlatform,
      },
    ],
    facts: {
      line: { name: String(release.split('.')[0]), phase: image.phase ?? 'active-lts', end: '2030-01-01' },
      baseEnd: image.baseEnd === 'unknown' ? undefined : (image.baseEnd ?? '2031-01-01'),
    },
    waivers: waivers.filter(({ cells }) => cells === undefined || matchesGlob(cells, cell)),
    policy,
    previous: image.repairs.length > 0 ? { index: digestOf('example before'), findings: image.repairs } : undefined,
  };
}

const release: TrustedSigner = {
  name: 'example-release',
  identity: { kind: 'certificate', issuer: '', subject: '', trustedRoot: '' },
  states: ['evidence', 'failures'],
  roles: [],
};

function statement(
  kind: PredicateKind,
  subject: Digest,
  predicate: Readonly<Record<string, unknown>>,
  isFailure = false,
  signer: TrustedSigner = release,
): BelievedStatement {
  const payloadDigest = digestOf(canonicalJson([kind, subject, predicate]));
  return { kind, subject, predicate, isFailure, payloadDigest, bundleDigest: payloadDigest, signer };
}

function provenance(): Readonly<Record<string, unknown>> {
  return {
    buildDefinition: {
      buildType: 'example',
      externalParameters: {},
      internalParameters: { author },
      resolvedDependencies: [{ name: 'example', digest: { sha256: hexOf(input) } }],
    },
    runDetails: { builder: { id: 'https://nodeworthy.io/builders/local' } },
  };
}

function cycloneDx(version: string, licenses: readonly string[]): Readonly<Record<string, unknown>> {
  const counts = { total: '1', owned: '1', listed: '0' };
  return {
    bomFormat: 'CycloneDX',
    metadata: {
      component: {
        version: manifest,
        properties: Object.entries(counts).map(([name, value]) => ({ name: `io.nodeworthy.files.${name}`, value })),
      },
    },
    components: [
      { type: 'application', name: 'node', version, components: [{ type: 'library', name: 'v8' }] },
      { type: 'library', name: 'example', version: '1', licenses: licenses.map((name) => ({ license: { name } })) },
    ],
  };
}

function testResult(result: 'passed' | 'failed' | 'flaky', now: Date): Readonly<Record<string, unknown>> {
  return {
    result: { passed: 'PASSED', failed: 'FAILED', flaky: 'WARNED' }[result],
    configuration: [{ name: suite.id, digest: { sha256: hexOf(suite.digest) } }],
    passedTests: result === 'passed' ? ['example'] : [],
    warnedTests: result === 'flaky' ? ['example'] : [],
    failedTests: result === 'failed' ? ['example'] : [],
    nodeworthy_platform: platform,
    nodeworthy_finishedOn: now.toISOString(),
  };
}

function scan(image: ExampleImage, now: Date): Readonly<Record<string, unknown>> {
  const time = now.toISOString();
  const date = new Date(now.getTime() - image.feedAgeDays * 86_400_000).toISOString();
  const findings = image.findings.map(({ package: name, fixedVersion, fixedSince, ...finding }): Finding => ({
    ...finding,
    aliases: [],
    component: `pkg:generic/${name}@1`,
    name,
    version: '1',
    ...(fixedVersion === undefined ? {} : { fixedVersion }),
    ...(fixedSince === undefined ? {} : { fixedSince }),
    feeds: ['example'],
  }));
  return {
    scanner: {
      uri: 'https://nodeworthy.io/scanner',
      db: { lastUpdate: date },
      result: findings.map(({ id }) => ({ id })),
    },
    metadata: { scanStartedOn: time, scanFinishedOn: time },
    nodeworthy_findings: findings,
    nodeworthy_feeds: (image.feeds ?? feedKinds).map((kind) => ({
      name: kind,
      kind,
      digest: digestOf(kind),
      date,
      fetchedOn: time,
      entries: 1,
    })),
    nodeworthy_unmatched: [],
    nodeworthy_findingsDigest: digestOf(canonicalJson(findings)),
  };
}
