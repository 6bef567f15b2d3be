import type { EnvironmentConfig } from '../../config/environment-schema.ts';
import { matchesGlob } from '../../core/glob.ts';
import type { Digest } from '../../core/digest.ts';
import { ProvenanceSchema, TestResultSchema, type Certificate } from '../../formats/attestation/predicate-shapes.ts';
import { readPredicate, statementsOf, type EvidenceOf, type GateInput } from '../../gates/gate.ts';
import { readIndex, readManifest } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
import { debianSuites } from '../catalog/debian-suites.ts';
import { lineName, lineOfRelease, phaseOf } from '../catalog/release-lines.ts';

export interface ImageQuestion {
  readonly index: Digest;
  readonly evidence: ReadonlyMap<Digest, EvidenceOf>;
  readonly certificate: Certificate;
  readonly now: Date;
  /** Of the environment. */
  readonly name: string;
  readonly config: EnvironmentConfig;
}

const nothing = (subject: Digest): EvidenceOf => ({ subject, statements: [], disbelieved: [] });

/**
 * What gates decide on, from the image alone: whoever verifies has neither lock nor tests. What had to be passed and
 * what it was made from is taken from the signed evidence that the certificate rests on.
 */
export async function inputFromImage(store: Store, question: ImageQuestion): Promise<Omit<GateInput, 'verdicts'>> {
  const { index, evidence, certificate, now, name, config } = question;
  const document = await readIndex(store, index);
  const annotations = document.annotations ?? {};
  const own = evidence.get(index) ?? nothing(index);
  const [provenance] = statementsOf(own, 'provenance').flatMap(
    (statement) => readPredicate(statement, ProvenanceSchema) ?? [],
  );
  const platforms: GateInput['platforms'][number][] = [];
  for (const entry of document.manifests) {
    const platform = `${entry.platform?.os}/${entry.platform?.architecture}`;
    const manifest = await readManifest(store, entry.digest);
    const about = evidence.get(entry.digest) ?? nothing(entry.digest);
    const rested = new Set(certificate.nodeworthy_inputs.map(({ bundle }) => bundle));
    const suites = statementsOf(about, 'tests')
      .filter(({ bundleDigest }) => rested.has(bundleDigest))
      .flatMap((statement) => readPredicate(statement, TestResultSchema)?.configuration ?? [])
      .map(({ name, digest }) => ({ id: name, digest: `sha256:${digest.sha256}` as Digest }));
    platforms.push({
      platform,
      digest: entry.digest,
      sizeBytes: [manifest.config, ...manifest.layers].reduce((sum, blob) => sum + blob.size, 0),
      suites,
      evidence: about,
    });
  }
  const release = annotations['org.opencontainers.image.version'] ?? annotations['io.nodeworthy.cell'] ?? '';
  const base = annotations['io.nodeworthy.base'] ?? '';
  const cell = annotations['io.nodeworthy.cell'] ?? '';
  const line = lineOfRelease(release);
  const suite = platforms
    .flatMap((target) => statementsOf(target.evidence, 'sbom-cyclonedx'))
    .flatMap(({ predicate }) => suiteNamed(predicate))[0];
  return {
    now,
    environment: name,
    image: {
      cell,
      index,
      release,
      base,
      variant: annotations['io.nodeworthy.variant'] ?? '',
      declaredPlatforms: certificate.nodeworthy_platforms.map(({ platform }) => platform),
      inputs: (provenance?.buildDefinition.resolvedDependencies ?? []).map(
        ({ digest }) => `sha256:${digest.sha256}` as Digest,
      ),
      hardening: annotations['io.nodeworthy.hardening']?.split(' ') ?? [],
      author: provenance?.buildDefinition.internalParameters?.author ?? '',
      authors: certificate.nodeworthy_sources?.authors ?? [],
      doubts: certificate.nodeworthy_sources?.doubts ?? [],
      chosenOn: String(certificate['nodeworthy_chosenOn'] ?? certificate.timeVerified).slice(0, 10),
    },
    evidence: own,
    platforms,
    facts: {
      line: line && { name: lineName(line), phase: phaseOf(line, now), end: line.end },
      baseEnd: debianSuites.find(({ codename }) => codename === (suite ?? base))?.endOfLife,
    },
    waivers: config.waivers.filter(({ cells }) => cells === undefined || matchesGlob(cells, cell)),
    // Approvals were given under the policy that the certificate names.
    policy: `sha256:${certificate.policy.digest.sha256}`,
    previous: undefined,
  };
}

/** Code name of the system, from a component's property. */
function suiteNamed(predicate: Readonly<Record<string, unknown>>): string[] {
  const { components } = predicate as {
    readonly components?: readonly { readonly properties?: readonly { name: string; value: string }[] }[];
  };
  return (components ?? []).flatMap(({ properties }) =>
    (properties ?? []).flatMap(({ name, value }) => (name === 'io.nodeworthy.suite' && value !== '' ? [value] : [])),
  );
}
