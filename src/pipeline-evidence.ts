import { chooseEnvironment } from './config/choose-environment.ts';
import type { LoadedRecipe } from './config/load-recipe.ts';
import type { Context } from './core/context.ts';
import type { Digest } from './core/digest.ts';
import { believedEvidence } from './evidence/believed-evidence.ts';
import { certificatesFor } from './stages/certify/find-certificate.ts';
import { verifyImage } from './stages/verify/verify-image.ts';
import type { Store } from './store/store.ts';
import { Failure, isFailure } from './core/errors.ts';
import { openHistory, type SourceHistory } from './authorship/authors.ts';
import { namedFiles } from './authorship/named-files.ts';
import { authorOf, openSigning, trustOf, type Signing } from './evidence/signing.ts';
import type { Candidate } from './stages/assemble/assemble-cell.ts';
import { attestCell, attestFailure, type AttestInput } from './stages/attest/attest-cell.ts';
import { certifyCell } from './stages/certify/certify-cell.ts';
import { gateCell, loadPolicy, type GatedCell, type Policy } from './stages/gate/gate-cell.ts';
import type { PlannedCell } from './stages/plan/cell.ts';
import { settingsFor } from './stages/plan/image-settings.ts';
import { answersOf, inputsOfCell, type Lock } from './stages/resolve/lock.ts';
import { openScanner, type Scanner } from './stages/scan/scanner.ts';
import { readVex, vexStatements } from './stages/scan/vex.ts';
import { describeInput } from './sources/input.ts';
import type { Suite } from './stages/test/report.ts';
import type { PlatformReport } from './stages/test/test-candidate.ts';
import type { LayoutStore } from './store/layout/layout-store.ts';

/** Version of Nodeworthy that builds, for provenance. */
export const builderVersion = '0.1.0';

export interface EvidenceInput {
  readonly store: LayoutStore;
  readonly loaded: LoadedRecipe;
  readonly lock: Lock;
  readonly context: Context;
  readonly environment?: string;
}

/** What it takes to ask the gates: no private key of anybody. */
export interface Judging {
  readonly policy: Policy;
  /** Who asks for the images. */
  readonly author: string;
  readonly history: SourceHistory;
}

export async function openJudging({ loaded, context, environment }: EvidenceInput): Promise<Judging> {
  const chosen = chooseEnvironment(loaded, environment);
  const policy = await loadPolicy(loaded, chosen, await trustOf(loaded));
  const history = openHistory(namedFiles(loaded, policy.custom), loaded.folder, context);
  return { policy, author: await authorOf(loaded, context), history };
}

/** What all cells need to make evidence and to judge it, opened once. */
export interface Certification extends Judging {
  readonly signing: Signing;
  readonly scanner: Scanner | undefined;
  close(): Promise<void>;
}

export async function openCertification(input: EvidenceInput): Promise<Certification> {
  const { loaded, context, store } = input;
  const judging = await openJudging(input);
  const signing = await openSigning(loaded, context);
  const scanner = await openScanner({ store, loaded, context });
  return {
    ...judging,
    signing,
    scanner,
    async close() {
      await signing.close();
      scanner?.close();
    },
  };
}

export interface CertifiedCell {
  readonly cell: PlannedCell;
  readonly candidate: Candidate;
  readonly reports: readonly PlatformReport[];
  readonly suitesFor: (platform: string) => readonly Suite[];
}

/** Says what is known of a tested candidate. */
export async function attest(input: EvidenceInput, certification: Certification, job: CertifiedCell): Promise<void> {
  const { signing, scanner } = certification;
  const { context, loaded } = input;
  const documents = readVex(loaded);
  await attestCell(
    {
      ...attestInput(input, signing, job),
      onIndex: vexStatements(documents, [job.candidate.index]),
      more: async (platform, sbom) => [
        ...vexStatements(documents, [platform.manifest]),
        ...(scanner ? [await scanner.planScan(platform, await sbom())] : []),
      ],
    },
    context,
  );
}

/** Says that a candidate did not pass, with the key for that. That it failed stays so where nobody can sign it. */
export async function attestFailed(
  input: EvidenceInput,
  openKeys: () => Promise<Signing>,
  job: CertifiedCell,
): Promise<void> {
  try {
    await attestFailure(attestInput(input, await openKeys(), job), input.context);
  } catch (error) {
    if (!isFailure(error)) throw error;
    input.context.report({ kind: 'notice', text: `${job.cell.id}: the failure was not signed: ${error.message}` });
  }
}

function attestInput(
  { store, lock, loaded }: EvidenceInput,
  signing: Signing,
  { cell, candidate, reports }: CertifiedCell,
): Omit<AttestInput, 'more' | 'onIndex'> {
  const materials = [
    ...inputsOfCell(lock, cell.id).map((item) => ({ name: describeInput(item), digest: item.digest })),
    ...(candidate.madeFrom ?? []),
  ];
  return {
    store,
    name: loaded.recipe.name,
    release: cell.release || cell.id,
    candidate,
    reports,
    configuration: lock.cells.find(({ id }) => id === cell.id)?.configuration ?? '',
    materials,
    builderVersion,
    signing,
  };
}

/** Asks the gates about what is stored now. */
export async function gate(
  input: EvidenceInput,
  { policy, author, history }: Judging,
  job: CertifiedCell,
  // What is published or signed is judged by the real clock: `--now` is for looking ahead.
  now: Date = input.context.verificationTime,
): Promise<GatedCell> {
  const { cell, candidate, suitesFor } = job;
  const { store, lock, loaded } = input;
  const inputs = inputsOfCell(lock, cell.id).map(({ digest }) => digest);
  return await gateCell({
    store,
    loaded,
    policy,
    cell: { ...cell, release: cell.release || cell.id },
    index: candidate.index.digest,
    suitesFor,
    inputs: [...inputs, ...(candidate.madeFrom ?? []).map(({ digest }) => digest)],
    hardening: cell.release === '' ? [] : settingsFor(loaded, cell, answersOf(lock)).hardening,
    author,
    history,
    chosenOn: lock.date,
    now,
  });
}

/** Signs the certificate of an allowed image. */
export async function certify(
  { store, loaded, context }: EvidenceInput,
  { policy, signing }: Certification,
  { candidate }: CertifiedCell,
  gated: GatedCell,
): Promise<void> {
  const { index, platforms } = candidate;
  await certifyCell({ store, name: loaded.recipe.name, policy, gated, index, platforms, signing }, context);
}

/** Whether an image has a certificate of this policy's environment that is valid now, and nothing stops it. */
export async function isCertified(
  store: Store,
  digest: Digest,
  { trust, environment }: Pick<Policy, 'trust' | 'environment'>,
  { verificationTime: now }: Pick<Context, 'verificationTime'>,
): Promise<boolean> {
  const image = await store.getManifest(digest);
  if (!image) return false;
  return (await verifyImage(store, image.descriptor, { trust, now, environment: { name: environment } })).verified;
}

/**
 * To whom an image under a tag belongs: to an environment that certified it, comes before the policy's in the recipe, and
 * so keeps what it has. An image that this environment certified too, or that nobody did, belongs to nobody else.
 */
export function ownerOfTags(
  { environments }: Pick<LoadedRecipe['recipe'], 'environments'>,
  { trust, environment }: Pick<Policy, 'trust' | 'environment'>,
  { verificationTime: now }: Pick<Context, 'verificationTime'>,
): (store: Store, digest: Digest) => Promise<string | undefined> {
  const names = Object.keys(environments);
  const before = new Set(names.slice(0, Math.max(0, names.indexOf(environment))));
  return async (store, digest) => {
    if (before.size === 0) return undefined;
    const certificates = certificatesFor(await believedEvidence(store, digest, { trust, now }), undefined);
    const known = certificates.map((certificate) => certificate.nodeworthy_environment);
    return known.includes(environment) ? undefined : known.find((name) => before.has(name));
  };
}

/** @throws Failure DENIED with what the gates say; nothing is published then */
export function requireAllowed({ decision, input }: GatedCell): void {
  if (decision.result === 'allowed') return;
  const open = decision.verdicts.filter(({ result }) => result === 'deny' || result === 'wait');
  throw new Failure(
    'DENIED',
    `${input.image.cell} is ${decision.result} in ${decision.environment}: ${open.map(({ gate, reason }) => `${gate}: ${reason}`).join('\n')}`,
    { hint: open[0]?.fix ?? 'look with `nodeworthy gate`' },
  );
}
