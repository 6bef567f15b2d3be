import type { Digest } from '../../core/digest.ts';
import type { Finding } from '../../formats/attestation/predicate-shapes.ts';
import { authorsOf } from '../../gates/authors-of.ts';
import type { Verdict } from '../../gates/gate.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readIndex } from '../../store/manifest.ts';
import { gradeOf } from '../certify/certify-cell.ts';
import { findingsOf } from '../certify/find-certificate.ts';
import type { Graded } from '../certify/grade.ts';
import type { GatedCell } from '../gate/gate-cell.ts';
import type { PlannedCell } from '../plan/cell.ts';

/** Everything that somebody needs to decide, on one screen. */
export interface PendingImage {
  readonly cell: string;
  readonly digest: Digest;
  readonly environment: string;
  readonly result: string;
  readonly release: string;
  readonly author: string;
  /** Whoever wrote what it is made of: they approve nothing of it. */
  readonly authors: readonly string[];
  readonly doubts: readonly string[];
  readonly tags: readonly string[];
  readonly platforms: readonly { readonly platform: string; readonly digest: Digest; readonly sizeBytes: number }[];
  readonly verdicts: readonly Verdict[];
  readonly findings: readonly Finding[];
  readonly grade: Graded;
  /** The image that its line has published now; null for the first. */
  readonly replaces: {
    readonly digest: Digest;
    readonly release: string;
    /** Known vulnerabilities that it has, and this one has not. */
    readonly repaired: readonly string[];
  } | null;
  readonly evidence: GatedCell['seen'];
}

export async function describePending(
  store: LayoutStore,
  { cell, gated }: { readonly cell: PlannedCell; readonly gated: GatedCell },
  tagSuffix: string,
): Promise<PendingImage> {
  const { input, decision, seen } = gated;
  const findings = findingsOf(input.platforms);
  const now = new Set(findings.map(({ id }) => id));
  const { previous } = input;
  const before = previous && (await readIndex(store, previous.index));
  return {
    cell: cell.id,
    digest: input.image.index,
    environment: decision.environment,
    result: decision.result,
    release: input.image.release,
    author: input.image.author,
    authors: authorsOf(input),
    doubts: input.image.doubts,
    tags: cell.aliases.map((alias) => `${alias}${tagSuffix}`),
    platforms: input.platforms.map(({ platform, digest, sizeBytes }) => ({ platform, digest, sizeBytes })),
    verdicts: decision.verdicts,
    findings,
    grade: gradeOf(gated),
    replaces: previous
      ? {
          digest: previous.index,
          release: before?.annotations?.['org.opencontainers.image.version'] ?? '',
          repaired: previous.findings.filter((id) => !now.has(id)),
        }
      : null,
    evidence: seen,
  };
}
