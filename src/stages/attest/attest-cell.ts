import { canonicalJson } from '../../core/canonical-json.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Context } from '../../core/context.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { attachEvidence, listEvidence, type SignedEvidence } from '../../evidence/evidence-store.ts';
import type { Signing } from '../../evidence/signing.ts';
import type { PredicateKind } from '../../formats/attestation/predicates.ts';
import { statementBytes } from '../../formats/attestation/statement.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { cycloneDxDocument } from '../../formats/sbom/cyclonedx.ts';
import type { SbomModel } from '../../formats/sbom/model.ts';
import { spdxDocument } from '../../formats/sbom/spdx.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { isSame } from '../../store/layout/sealed-notes.ts';
import type { Store } from '../../store/store.ts';
import type { Candidate, CandidatePlatform } from '../assemble/assemble-cell.ts';
import type { TestReport } from '../test/report.ts';
import { readImageInventory, type ImageInventory } from './image-inventory.ts';
import { makeSbom } from './make-sbom.ts';
import { versionsIn } from './versions-in.ts';
import { configurationPredicate, provenancePredicate, testPredicates, type MaterialInput } from './predicates-of.ts';

/** Raised when the same facts give another statement: what is attached is then made again. */
const evidenceVersion = 1;

/** Something to be said of a digest. */
export interface PlannedStatement {
  readonly subject: Descriptor;
  readonly kind: PredicateKind;
  /** Everything that decides the predicate, times left out. */
  readonly basis: unknown;
  readonly predicate: () => Promise<object> | object;
  /** It speaks against the image: the key for failures signs it. */
  readonly isFailure?: boolean;
}

export interface AttestInput {
  readonly store: LayoutStore;
  /** Recipe’s name: what the image is called in statements. */
  readonly name: string;
  readonly release: string;
  readonly candidate: Pick<Candidate, 'cell' | 'index' | 'platforms'>;
  readonly reports: readonly { readonly platform: CandidatePlatform; readonly report: TestReport }[];
  readonly configuration: string;
  readonly materials: readonly MaterialInput[];
  readonly builderVersion: string;
  readonly signing: Signing;
  /** VEX documents about the whole. */
  readonly onIndex: readonly PlannedStatement[];
  /** Statements of others: scans, VEX documents. */
  readonly more: (platform: CandidatePlatform, sbom: () => Promise<SbomModel>) => Promise<readonly PlannedStatement[]>;
}

/**
 * Says of a tested candidate what is known of it, signed, as referrers of its index and its platforms. What was said
 * before, from the same facts and with the same key, is not said again.
 */
export async function attestCell(input: AttestInput, context: Context): Promise<void> {
  const { candidate, store } = input;
  const provenance = provenancePredicate({
    name: input.name,
    cell: candidate.cell,
    index: candidate.index.digest,
    builder: input.signing.builder,
    builderVersion: input.builderVersion,
    author: input.signing.author,
    configuration: input.configuration,
    materials: input.materials,
  });
  const common = (subject: Descriptor): PlannedStatement[] => [
    { subject, kind: 'signature', basis: 'signature', predicate: () => ({}) },
    { subject, kind: 'provenance', basis: provenance, predicate: () => provenance },
  ];
  await mapConcurrent([undefined, ...candidate.platforms], 4, async (platform) => {
    const planned = platform ? await planPlatform(input, platform) : input.onIndex;
    const subject = platform?.manifest ?? candidate.index;
    await signPlanned(store, [...common(subject), ...planned], { ...input, cell: candidate.cell }, context);
  });
}

/** Only what speaks against an image that did not pass: nothing else is said of it. */
export async function attestFailure(input: Omit<AttestInput, 'more' | 'onIndex'>, context: Context): Promise<void> {
  for (const { platform, report } of input.reports) {
    const failures = testStatements(platform.manifest, report).filter(({ isFailure }) => isFailure);
    await signPlanned(input.store, failures, { ...input, cell: input.candidate.cell }, context);
  }
}

async function planPlatform(input: AttestInput, platform: CandidatePlatform): Promise<PlannedStatement[]> {
  const subject = platform.manifest;
  const report = input.reports.find((item) => item.platform.platform === platform.platform)?.report;
  let inventory: Promise<ImageInventory> | undefined;
  const readInventory = (): Promise<ImageInventory> => (inventory ??= readImageInventory(input.store, subject.digest));
  const versions = versionsIn(report);
  let model: Promise<SbomModel> | undefined;
  const sbom = (): Promise<SbomModel> =>
    (model ??= readInventory().then((image) =>
      makeSbom(image, {
        name: input.name,
        digest: subject.digest,
        platform: platform.platform,
        release: input.release,
        versions,
      }),
    ));
  const basis = { versions, name: input.name };
  return [
    { subject, kind: 'sbom-cyclonedx', basis, predicate: async () => cycloneDxDocument(await sbom()) },
    { subject, kind: 'sbom-spdx', basis, predicate: async () => spdxDocument(await sbom()) },
    {
      subject,
      kind: 'configuration',
      basis: input.configuration,
      predicate: async () => configurationPredicate((await readInventory()).config, input.configuration),
    },
    ...(report ? testStatements(subject, report) : []),
    ...(await input.more(platform, sbom)),
  ];
}

function testStatements(subject: Descriptor, report: TestReport): PlannedStatement[] {
  return testPredicates(report).map(({ suite, predicate }) => ({
    subject,
    kind: 'tests',
    basis: { suite, report: digestOf(canonicalJson(report)) },
    predicate: () => predicate,
    isFailure: (predicate as { result: string }).result !== 'PASSED',
  }));
}

/** Signs what is not there yet and attaches it, one subject at a time: there is one writer per subject. */
export async function signPlanned(
  store: Store,
  planned: readonly PlannedStatement[],
  { name, signing, cell }: Pick<AttestInput, 'name' | 'signing'> & { readonly cell?: string },
  context: Context,
): Promise<number> {
  const bySubject = new Map<Digest, PlannedStatement[]>();
  for (const item of planned) bySubject.set(item.subject.digest, [...(bySubject.get(item.subject.digest) ?? []), item]);
  let signed = 0;
  for (const [digest, items] of bySubject) {
    const seal = sealerOf(store, digest);
    const have = await ownInputs(store, digest, seal);
    const fresh = items.flatMap((item) => {
      const signer = item.isFailure ? signing.failures : signing.release;
      const inputs = digestOf(
        canonicalJson({
          evidenceVersion,
          kind: item.kind,
          subject: digest,
          basis: item.basis,
          key: signer.hint ?? signer.label,
        }),
      );
      return have.has(inputs) ? [] : [{ item, signer, inputs }];
    });
    const evidence = await mapConcurrent(fresh, 4, async ({ item, signer, inputs }): Promise<SignedEvidence> => {
      const predicate = await item.predicate();
      const bytes = statementBytes({ kind: item.kind, name, subject: digest, predicate });
      const createdOn = context.verificationTime;
      const bundle = await signer.sign(bytes, { ...(cell === undefined ? {} : { cell }) });
      return { kind: item.kind, bundle, createdOn, inputs, ...(seal ? { seal: (made) => seal(inputs, made) } : {}) };
    });
    const [first] = items;
    if (first) await attachEvidence(store, first.subject, evidence);
    signed += evidence.length;
  }
  return signed;
}

type Sealer = (inputs: string, bundle: Digest) => Promise<string>;

/** Seals what is said of a digest, where there is somewhere to keep a key: a store of this machine. */
function sealerOf(store: Store & Partial<Pick<LayoutStore, 'notes'>>, subject: Digest): Sealer | undefined {
  const { notes } = store;
  return notes && (async (inputs, bundle) => await notes.sealOf('statements', subject, `${inputs} ${bundle}`));
}

/** From what statements were made that were signed here. What somebody else attached says nothing about that. */
async function ownInputs(store: Store, subject: Digest, seal: Sealer | undefined): Promise<Set<string>> {
  if (!seal) return new Set();
  const own = new Set<string>();
  for (const { inputs, bundle, seal: found } of await listEvidence(store, subject))
    if (inputs !== undefined && found !== undefined && isSame(found, await seal(inputs, bundle.digest)))
      own.add(inputs);
  return own;
}
