import type { Severity } from '../attestation/predicate-shapes.ts';

/** What a feed says about a version of a package. */
export interface Match {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly severity: Severity;
  readonly score?: number;
  readonly fixedVersion?: string;
  /** ISO day. */
  readonly fixedSince?: string;
  readonly summary?: string;
}

/** Qualitative ratings of CVSS (v3.1, section 5; v4.0, section 4). */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'negligible';
}

/** Words of feeds: GHSA says `moderate`, Debian `unimportant`. */
export function severityOfWord(word: string | undefined): Severity {
  switch ((word ?? '').toLowerCase().replaceAll('*', '')) {
    case 'critical':
      return 'critical';
    case 'high':
    case 'important':
      return 'high';
    case 'medium':
    case 'moderate':
      return 'medium';
    case 'low':
    case 'minor':
      return 'low';
    case 'unimportant':
    case 'negligible':
    case 'none':
      return 'negligible';
    default:
      return 'unknown';
  }
}
