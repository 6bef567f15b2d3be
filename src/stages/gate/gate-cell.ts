import semver from 'semver';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { EnvironmentConfig } from '../../config/environment-schema.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { matchesGlob } from '../../core/glob.ts';
import { believedEvidence } from '../../evidence/believed-evidence.ts';
import { decide, type CustomGate, type Decision } from '../../gates/decide.ts';
import { evidenceSeen, type SeenEvidence } from '../../gates/evidence-seen.ts';
import { newestScans } from '../../gates/newest-scans.ts';
import type { GateInput } from '../../gates/gate.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readIndex, readManifest } from '../../store/manifest.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import { lineName, lineOfRelease, phaseOf } from '../catalog/release-lines.ts';
import type { PlannedCell } from '../plan/cell.ts';
import { lineNameOf } from '../../formats/node-version.ts';
import type { Suite } from '../test/report.ts';
import { loadCustomGates } from './custom-gates.ts';

/** A policy of the recipe, ready to be asked. */
export interface Policy {
  readonly environment: string;
  readonly config: EnvironmentConfig;
  readonly custom: readonly CustomGate[];
  readonly trust: TrustPolicy;
  /** Over rules, waivers, custom gates and trust: an approval is for one policy only. */
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
  return {
    environment: environment.name,
    config: environment.config,
    custom,
    trust,
    digest: digestOf(canonicalJson({ environment, modules, trust: trust.digest })),
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
  readonly chosenOn: string;
  readonly now: Date;
}

export interface GatedCell {
  readonly decision: Decision;
  readonly seen: readonly SeenEvidence[];
  readonly input: Omit<GateInput, 'verdicts'>;
}

/** Reads what is said of a candidate now, as it is stored, and asks the gates of a policy. */
export async function gateCell(request: GateCellInput): Promise<GatedCell> {
  const input = await readGateInput(request);
  const { gates } = request.policy.config;
  return { decision: decide(input, gates, request.policy.custom), seen: evidenceSeen(input), input };
}

async function readGateInput(request: GateCellInput): Promise<Omit<GateInput, 'verdicts'>> {
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
  return {
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
      chosenOn: request.chosenOn,
    },
    evidence: await believedEvidence(store, index, believe),
    platforms,
    facts: factsOf(request),
    waivers: policy.config.waivers.filter(({ cells }) => cells === undefined || matchesGlob(cells, cell.id)),
    policy: policy.digest,
    previous: await readPrevious(request),
  };
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
  const tag = await store.resolveTag(`${lineNameOf(cell.release)}-${cell.base}-${cell.variant}`);
  if (!tag || tag.digest === index) return undefined;
  const { manifests } = await readIndex(store, tag.digest);
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
