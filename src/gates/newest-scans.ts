import type { z } from 'zod';
import { ScanSchema } from '../formats/attestation/predicate-shapes.ts';
import type { BelievedStatement } from '../trust/judge-bundle.ts';
import { readPredicate, statementsOf, type EvidenceOf } from './gate.ts';

export interface BelievedScan {
  readonly statement: BelievedStatement;
  readonly scan: z.infer<typeof ScanSchema>;
}

/** The newest scan of each scanner: what one of them finds, another one does not make unfound. */
export function newestScans(evidence: EvidenceOf): BelievedScan[] {
  const newest = new Map<string, BelievedScan>();
  for (const statement of statementsOf(evidence, 'scan')) {
    const scan = readPredicate(statement, ScanSchema);
    if (!scan) continue;
    const known = newest.get(scan.scanner.uri);
    if (!known || known.scan.metadata.scanFinishedOn < scan.metadata.scanFinishedOn)
      newest.set(scan.scanner.uri, { statement, scan });
  }
  return [...newest.values()];
}
