import semver from 'semver';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { EnvironmentConfig } from '../../config/environment-schema.ts';
import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { matchesGlob } from '../../core/glob.ts';
import type { SourceHistory } from '../../authorship/authors.ts';
import { believedEvidence } from '../../evidence/believed-evidence.ts';
import { CertificateSchema, type Certificate, type Sources } from '../../formats/attestation/predicate-shapes.ts';
import { decide, type Decision } from '../../gates/decide.ts';
import { evidenceSeen, type SeenEvidence } from '../../gates/evidence-seen.ts';
import { newestScans } from '../../gates/newest-scans.ts';
import { readPredicate, statementsOf, type EvidenceOf, type GateInput } from '../../gates/gate.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readIndex, readManifest } from '../../store/manifest.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { lineName, lineOfRelease, phaseOf } from '../catalog/release-lines.ts';
import type { PlannedCell } from '../plan/cell.ts';
import { lineNameOf } from '../../formats/node-version.ts';
import type { Suite } from '../test/report.ts';
import { loadCustomGates, type LoadedGate } from './custom-gates.ts';

/** A policy of the recipe, ready to be asked. */
export interface Policy {
  readonly environment: string;
  readonly config: EnvironmentConfig;
  readonly custom: readonly LoadedGate[];
  readonly trust: TrustPolicy;
  /** Over rules, waivers, custom gates, trust, and where images go: an approval is for one policy only. */
  readonly digest: Digest;
}

/** Reads the policy of an environment, with its custom gates. */
export async function loadPolicy(
  loaded: LoadedRecipe,
  environment: { readonly name: string; readonly config: EnvironmentConfig },
  trust: TrustPolicy,
): Promise<Policy> {
  const custom = await loadCustomGates(environment.config.custom, loaded.folder);
  const modules = custom.map(({ source }) => source);
  // Where an image goes, and under which names, is part of what is approved.
  const { publish, tags, experimental } = loaded.recipe;
  return {
    environment: environment.name,
    config: environment.config,
    custom,
    trust,
    digest: digestOf(canonicalJson({ environment, modules, trust: trust.digest, publish, tags, experimental })),
  };
}

export interface GateCellInput {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly policy: Policy;
  readonly cell: Pick<PlannedCell, 'id' | 'release' | 'base' | 'variant' | 'platforms'>;
  readonly index: Digest;
  readonly suitesFor: (platform: string) => readonly Suite[];
  readonly inputs: readonly Digest[];
  readonly hardening: readonly string[];
  readonly author: string;
  readonly history: SourceHistory;
  readonly chosenOn: string;
  readonly now: Date;
}

export interface GatedCell {
  readonly decision: Decision;
  readonly seen: readonly SeenEvidence[];
  readonly input: Omit<GateInput, 'verdicts'>;
  /** Who wrote what it is made of, for its certificate. */
  readonly sources: () => Promise<Sources>;
}

/** Reads what is said of a candidate now, as it is stored, and asks the gates of a policy. */
export async function gateCell(request: GateCellInput): Promise<GatedCell> {
  const { input, sources } = await readGateInput(request);
  const { gates } = request.policy.config;
  return { decision: decide(input, gates, request.policy.custom), seen: evidenceSeen(input), input, sources };
}

async function readGateInput(request: GateCellInput): Promise<Pick<GatedCell, 'input' | 'sources'>> {
  const { store, policy, cell, index, now } = request;
  const believe = { trust: policy.trust, now };
  const { manifests } = await readIndex(store, index);
  const platforms = await mapConcurrent(manifests, 4, async (entry) => {
    const platform = `${entry.platform?.os}/${entry.platform?.architecture}`;
    const manifest = await readManifest(store, entry.digest);
    return {
      platform,
      digest: entry.digest,
      sizeBytes: [manifest.config, ...manifest.layers].reduce((sum, blob) => sum + blob.size, 0),
      suites: request.suitesFor(platform),
      evidence: await believedEvidence(store, entry.digest, believe),
    };
  });
  const evidence = await believedEvidence(store, index, believe);
  const previous = await readPrevious(request);
  let read: Promise<Sources> | undefined;
  const sources = (): Promise<Sources> => (read ??= readSources(request, evidence, previous?.index));
  // To ask costs time, and only people who approve can be authors.
  const { authors, doubts } = policy.config.gates.approvals ? await sources() : { authors: [], doubts: [] };
  const input = {
    now,
    environment: policy.environment,
    image: {
      cell: cell.id,
      index,
      release: cell.release,
      base: cell.base,
      variant: cell.variant,
      declaredPlatforms: cell.platforms,
      inputs: request.inputs,
      hardening: request.hardening,
      author: request.author,
      authors,
      doubts,
      chosenOn: request.chosenOn,
    },
    evidence,
    platforms,
    facts: factsOf(request),
    waivers: policy.config.waivers.filter(({ cells }) => cells === undefined || matchesGlob(cells, cell.id)),
    policy: policy.digest,
    previous,
  };
  return { input, sources };
}

/**
 * Who wrote what the image and its policy are made of. What was certified under this policy was judged then, and stays
 * in force; what changed since a certificate of this image, or of the one that it replaces, is to judge now.
 */
async function readSources(
  { store, policy, history, now }: GateCellInput,
  evidence: EvidenceOf,
  previous: Digest | undefined,
): Promise<Sources> {
  const own = certificatesIn(evidence, policy);
  const same = own.find((certificate) => `sha256:${certificate.policy.digest.sha256}` === policy.digest);
  const before = own[0]
    ? own
    : previous
      ? certificatesIn(await believedEvidence(store, previous, { trust: policy.trust, now }), policy)
      : [];
  // What the policy's digest does not cover, like tests and documents of VEX, may have changed since.
  const known = same?.nodeworthy_sources;
  const { people, doubts } = await history.authorsSince((known ?? before[0]?.nodeworthy_sources)?.revisions);
  return {
    revisions: await history.revisions(),
    authors: [...new Set([...(known?.authors ?? []), ...people])].sort(compareText),
    doubts: [...new Set([...(known?.doubts ?? []), ...doubts])].sort(compareText),
  };
}

/** Those of the policy's environment, the newest first. */
function certificatesIn(evidence: EvidenceOf, { environment }: Policy): Certificate[] {
  return statementsOf(evidence, 'certificate')
    .flatMap((statement) => readPredicate(statement, CertificateSchema) ?? [])
    .filter((certificate) => certificate.nodeworthy_environment === environment)
    .sort((a, b) => (a.timeVerified < b.timeVerified ? 1 : -1));
}

function factsOf({ loaded, cell, now }: GateCellInput): GateInput['facts'] {
  const line = lineOfRelease(cell.release);
  const base = loaded.recipe.bases[cell.base];
  return {
    line: line && { name: lineName(line), phase: phaseOf(line, now), end: line.end },
    baseEnd: base && 'debian' in base ? findSuite(base.debian, cell.base).endOfLife : undefined,
  };
}

/** What the cell's line has published now: the tag of the line on this base and variant. */
async function readPrevious({ store, cell, policy, index, now }: GateCellInput): Promise<GateInput['previous']> {
  if (!semver.valid(cell.release)) return undefined;
  const tag = await store.resolveTag(
    `${lineNameOf(cell.release)}-${cell.base}-${cell.variant}${policy.config.tagSuffix}`,
  );
  if (!tag || tag.digest === index) return undefined;
  // A tag is a file that anybody may write: what it names counts for what was certified of it.
  const { manifests, annotations = {} } = await readIndex(store, tag.digest);
  const isOfLine =
    lineNameOf(annotations['org.opencontainers.image.version'] ?? '') === lineNameOf(cell.release) &&
    annotations['io.nodeworthy.base'] === cell.base &&
    annotations['io.nodeworthy.variant'] === cell.variant;
  const believed = await believedEvidence(store, tag.digest, { trust: policy.trust, now });
  if (!isOfLine || certificatesIn(believed, policy).length === 0) return undefined;
  const found = await mapConcurrent(manifests, 2, async ({ digest }) => {
    const evidence = await believedEvidence(store, digest, { trust: policy.trust, now });
    return newestScans(evidence).flatMap(({ scan }) =>
      scan.nodeworthy_findings
        .filter(({ severity, vex }) => severity !== 'negligible' && vex === undefined)
        .map(({ id }) => id),
    );
  });
  return { index: tag.digest, findings: [...new Set(found.flat())] };
}
