import { join } from 'node:path';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { copyEvidence, type ListedReferrers } from '../../evidence/evidence-store.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { artifactTypes } from '../../formats/oci/media-types.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { withProcessLock } from '../../core/process-lock.ts';
import { copyImage } from '../../store/copy-image.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { annotationsOf, readIndex } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
import type { Candidate } from '../assemble/assemble-cell.ts';
import type { PlannedCell } from '../plan/cell.ts';
import { findOwnReports, isCompletePass, type Suite } from '../test/report.ts';
import { aliasesOf, journalKey, openMoves, stemOf, undo, type Named } from './interrupted.ts';
import { clearJournal, openJournal, writeJournal, type JournalEntry } from './journal.ts';
import { planTags, type TaggedImage, type TagStep } from './plan-tags.ts';
import { chooseRevision, revisionNumbers } from './revision.ts';

export interface PublishTarget {
  readonly name: string;
  readonly store: Store;
}

export interface PublishOptions extends Named {
  readonly store: LayoutStore;
  readonly cell: PlannedCell;
  readonly candidate: Candidate;
  /** What a platform must have passed before it may be published. */
  readonly suitesFor: (platform: string) => readonly Suite[];
  /** Asks the gates once more, just before tags move; throws when they do not allow it. */
  readonly admit: () => Promise<void>;
  /** The environment that an image under a tag belongs to, when that is one which takes it from this one. */
  readonly ownerOf: (store: Store, digest: Digest) => Promise<string | undefined>;
  /** Whether an image is certified where it lies: tags go back to nothing else. */
  readonly isCertified: (store: Store, digest: Digest) => Promise<boolean>;
  /** Artifact with what the image can be made again from, where there is one. */
  readonly inputs: Descriptor | undefined;
  /** The embedded store first, then registries. */
  readonly targets: readonly PublishTarget[];
  /** The statements that targets were found to list just now. */
  readonly listed?: ReadonlyMap<Store, ListedReferrers>;
  /** Let aliases go back to an older image: a deliberate act, never a default. */
  readonly allowOlder: boolean;
  /** Let aliases change their operating system inside a line: likewise. */
  readonly allowBaseChange: boolean;
}

export interface TargetReceipt {
  readonly target: string;
  readonly digest: Digest;
  readonly revision: string;
  /** All tags of the cell, now at the digest. */
  readonly tags: readonly string[];
  readonly movedTags: readonly { readonly tag: string; readonly from?: Digest }[];
  /** Of the image; its evidence and inputs are not counted. */
  readonly uploadedBytes: number;
}

/**
 * Publishes a tested digest to each target: first all bytes by digest, read back, then the tags, the revision first.
 * Before the first tag moves, a journal says what is meant; the next run finishes what was interrupted.
 * @throws Failure UNTESTED, TAG_IMMUTABLE, TAG_WOULD_MOVE_BACK, TAG_WOULD_CHANGE_BASE, TAG_OF_OTHER_ENVIRONMENT; nothing has moved then
 */
export async function publishCell(options: PublishOptions): Promise<TargetReceipt[]> {
  const { store, cell, targets } = options;
  await requireTested(options);
  const interrupted = await mapConcurrent(targets, 4, ({ name }) => openJournal(store, journalKey(options, name)));
  if (interrupted.every((entry) => entry === undefined)) {
    const plan = await planPublication(options, tagsOnce);
    // Nothing to move needs no lock: a run with nothing changed only asks.
    if (plan.targets.every(({ steps }) => steps.every((step) => step.kind === 'keep'))) {
      return await mapConcurrent(plan.targets, 4, async ({ target }) => {
        await sendEvidence(options, target, options.listed?.get(target.store));
        return receiptOf(options, target, { revisionTag: plan.revisionTag, moves: [], uploadedBytes: 0 });
      });
    }
  }
  return await withProcessLock(join(store.stateFolder, `publish-${cell.id}.lock`), async () => {
    for (const target of targets) await finishInterrupted(options, target);
    const plan = await planPublication(options);
    for (const { target, steps } of plan.targets) await refuse(target, steps, options);
    const receipts: TargetReceipt[] = [];
    for (const { target, steps } of plan.targets) {
      receipts.push(await publishTo(options, target, { steps, revisionTag: plan.revisionTag }));
    }
    return receipts;
  });
}

const tagsNow = async (store: Store): Promise<readonly string[]> => await store.listTags();

/**
 * The tags of a store as some cell of this run saw them. Each cell has revisions of its own, and what another process
 * does to them meanwhile shows in its other tags: they are asked for anew, and the whole again under the lock.
 */
function tagsOnce(store: Store): Promise<readonly string[]> {
  const seen = tagsSeen.get(store);
  if (seen) return seen;
  const asked = tagsNow(store);
  tagsSeen.set(store, asked);
  asked.catch(() => tagsSeen.delete(store));
  return asked;
}
const tagsSeen = new WeakMap<Store, Promise<readonly string[]>>();

async function planPublication(options: PublishOptions, tagsOf = tagsNow) {
  const { candidate, targets } = options;
  const revisionTag = await findRevision(stemOf(options), candidate.index.digest, { targets, tagsOf });
  const plans = await mapConcurrent(targets, 4, async (target) => ({
    target,
    steps: await planTarget(options, target, revisionTag),
  }));
  return { revisionTag, targets: plans };
}

/** No platform may be missing, and each needs a complete pass on exactly its digest. */
async function requireTested({ store, cell, candidate, suitesFor }: PublishOptions): Promise<void> {
  const index = await readIndex(store, candidate.index.digest);
  for (const platform of cell.platforms) {
    const manifest = index.manifests.find(
      (entry) => `${entry.platform?.os}/${entry.platform?.architecture}` === platform,
    );
    if (!manifest)
      throw new Failure('UNTESTED', `${cell.id}: the index ${candidate.index.digest} has no ${platform}`, {
        hint: 'build the cell again; no tag was moved',
      });
    const reports = await findOwnReports(store, manifest.digest);
    if (reports.some((report) => isCompletePass(report, suitesFor(platform)))) continue;
    throw new Failure('UNTESTED', `${cell.id}: ${platform} (${manifest.digest}) has no complete, passing test report`, {
      hint: 'run `nodeworthy test`; no tag was moved',
    });
  }
}

async function findRevision(
  stem: string,
  digest: Digest,
  { targets, tagsOf }: Pick<PublishOptions, 'targets'> & { readonly tagsOf: typeof tagsNow },
): Promise<string> {
  const known = await mapConcurrent(targets, 4, async ({ store }) => {
    const revisions = new Map<number, Digest>();
    for (const number of revisionNumbers(await tagsOf(store), stem)) {
      const tagged = await store.resolveTag(`${stem}-r${number}`);
      if (tagged) revisions.set(number, tagged.digest);
    }
    return revisions;
  });
  return `${stem}-r${chooseRevision(digest, known)}`;
}

async function planTarget(options: PublishOptions, target: PublishTarget, revisionTag: string): Promise<TagStep[]> {
  const { candidate, store } = options;
  const aliases = aliasesOf(options);
  const current = new Map<string, TaggedImage>();
  const images = new Map<Digest, TaggedImage>();
  await mapConcurrent([revisionTag, ...aliases], 8, async (tag) => {
    const tagged = await target.store.resolveTag(tag);
    if (!tagged) return;
    const known =
      images.get(tagged.digest) ??
      (tagged.digest === candidate.index.digest
        ? { digest: tagged.digest }
        : await describe(target.store, tagged.digest));
    images.set(tagged.digest, known);
    current.set(tag, known);
  });
  return planTags({
    revisionTag,
    aliases,
    image: await describe(store, candidate.index.digest),
    current,
  });
}

async function describe(store: Store, digest: Digest): Promise<TaggedImage> {
  const manifest = await store.getManifest(digest);
  const annotations = manifest ? annotationsOf(manifest.bytes) : {};
  return {
    digest,
    version: annotations['org.opencontainers.image.version'],
    created: annotations['org.opencontainers.image.created'],
    base: annotations['io.nodeworthy.base'],
  };
}

async function refuse(
  target: PublishTarget,
  steps: readonly TagStep[],
  options: Pick<PublishOptions, 'allowOlder' | 'allowBaseChange' | 'ownerOf'>,
): Promise<void> {
  for (const step of steps) {
    const { from } = fromOf(step);
    const owner = from === undefined ? undefined : await options.ownerOf(target.store, from);
    if (owner !== undefined) {
      throw new Failure(
        'TAG_OF_OTHER_ENVIRONMENT',
        `${target.name}:${step.tag} is an image that is certified for ${owner}, which comes first in the recipe`,
        { hint: 'give this environment tags of its own, like `tagSuffix: -staging`; no tag was moved' },
      );
    }
    if (step.kind === 'refuse-immutable') {
      throw new Failure('TAG_IMMUTABLE', `${target.name}:${step.tag} is ${step.holds} for ever`, {
        hint: 'a revision tag never moves; publish again to get the next revision',
      });
    }
    if (step.kind === 'refuse-base' && !options.allowBaseChange) {
      throw new Failure(
        'TAG_WOULD_CHANGE_BASE',
        `${target.name}:${step.tag} holds Node.js ${step.holds.version} on ${step.holds.base}, another operating system`,
        {
          hint: `keep the line on it with tags.bases: { ${String(step.holds.version).split('.')[0]}: ${step.holds.base} }; if the change is meant, add --allow-base-change`,
        },
      );
    }
    if (step.kind === 'refuse-older' && !options.allowOlder) {
      throw new Failure(
        'TAG_WOULD_MOVE_BACK',
        `${target.name}:${step.tag} holds Node.js ${step.holds.version} of ${step.holds.created}, which is newer`,
        {
          hint: 'refresh the lock with `nodeworthy lock --update`; if going back is meant, add --allow-older',
        },
      );
    }
  }
}

async function publishTo(
  options: PublishOptions,
  target: PublishTarget,
  plan: { readonly steps: readonly TagStep[]; readonly revisionTag: string },
): Promise<TargetReceipt> {
  const { store, candidate } = options;
  const moves = plan.steps.flatMap((step) => (step.kind === 'keep' ? [] : [{ tag: step.tag, ...fromOf(step) }]));
  let uploadedBytes = 0;
  if (moves.length > 0) {
    if (target.store !== store) uploadedBytes = (await copyImage(store, target.store, candidate.index)).uploadedBytes;
    await sendEvidence(options, target);
    await options.admit();
    const entry: JournalEntry = { ...journalKey(options, target.name), to: candidate.index, moves };
    await writeJournal(store, entry);
    await target.store.moveTags(moves.map(({ tag }) => ({ tag, to: candidate.index })));
    await clearJournal(store, entry);
  }
  if (moves.length === 0) await sendEvidence(options, target);
  return receiptOf(options, target, { revisionTag: plan.revisionTag, moves, uploadedBytes });
}

/**
 * What is said of the image goes where the image goes, and so does what it was made from: before its tags. What
 * somebody took away there comes back with the next run.
 */
async function sendEvidence(
  { store, candidate, inputs }: PublishOptions,
  target: PublishTarget,
  there?: ListedReferrers,
): Promise<void> {
  if (target.store === store) return;
  const subjects = [candidate.index.digest, ...candidate.platforms.map(({ manifest }) => manifest.digest)];
  await copyEvidence(store, target.store, subjects, there ? { there } : {});
  if (!inputs) return;
  const listed = await target.store.listReferrers(candidate.index.digest, artifactTypes.inputs);
  if (!listed.some(({ digest }) => digest === inputs.digest)) await copyImage(store, target.store, inputs);
}

interface Published {
  readonly revisionTag: string;
  readonly moves: TargetReceipt['movedTags'];
  readonly uploadedBytes: number;
}

function receiptOf(
  options: PublishOptions,
  target: PublishTarget,
  { revisionTag, moves, uploadedBytes }: Published,
): TargetReceipt {
  const tags = [revisionTag, ...aliasesOf(options)];
  return {
    target: target.name,
    digest: options.candidate.index.digest,
    revision: revisionTag,
    tags,
    movedTags: moves,
    uploadedBytes,
  };
}

/**
 * What becomes of an image that gates do not allow: a publication of it that was interrupted is undone, and whoever
 * has it already is told what is said of it now, a revocation above all.
 */
export async function withdraw(options: PublishOptions): Promise<void> {
  const { store, cell, candidate, targets } = options;
  await withProcessLock(join(store.stateFolder, `publish-${cell.id}.lock`), async () => {
    for (const target of targets) {
      const entry = await openJournal(store, journalKey(options, target.name));
      if (entry) {
        await undo(options, target.store, entry);
        await clearJournal(store, entry);
      }
      if (target.store !== store && (await target.store.getManifest(candidate.index.digest)))
        await sendEvidence({ ...options, inputs: undefined }, target);
    }
  });
}

/**
 * All aliases of a cell at the old digest or all at the new: forward when it is the image of this run, its bytes are
 * there and the gates still allow it; back when not.
 */
async function finishInterrupted(options: PublishOptions, target: PublishTarget): Promise<void> {
  const { store, candidate, admit } = options;
  const entry = await openJournal(store, journalKey(options, target.name));
  if (entry === undefined) return;
  const isSame = entry.to.digest === candidate.index.digest && (await target.store.getManifest(entry.to.digest));
  if (isSame) {
    await admit();
    await target.store.moveTags(await openMoves(options, target.store, entry));
  } else await undo(options, target.store, entry);
  await clearJournal(store, entry);
}

function fromOf(step: TagStep): { readonly from?: Digest } {
  if (step.kind === 'move' && step.from !== undefined) return { from: step.from };
  return step.kind === 'refuse-older' || step.kind === 'refuse-base' ? { from: step.holds.digest } : {};
}
