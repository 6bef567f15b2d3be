import { z } from 'zod';
import type { PredicateKind } from '../formats/attestation/predicates.ts';

/** Clocks of two machines differ, and that is nobody's fault. */
export const clockAllowanceMs = 5 * 60_000;

const On = z.iso.datetime();

/** Where each kind says when it was stated, as far as something rests on that. */
const shapes: Partial<Record<PredicateKind, z.ZodType<string>>> = {
  approval: z.looseObject({ decidedOn: On }).transform(({ decidedOn }) => decidedOn),
  certificate: z.looseObject({ timeVerified: On }).transform(({ timeVerified }) => timeVerified),
  reproduction: z.looseObject({ rebuiltOn: On }).transform(({ rebuiltOn }) => rebuiltOn),
  revocation: z.looseObject({ on: On }).transform(({ on }) => on),
  scan: z
    .looseObject({ metadata: z.looseObject({ scanFinishedOn: On }) })
    .transform(({ metadata }) => metadata.scanFinishedOn),
  tests: z.looseObject({ nodeworthy_finishedOn: On }).transform(({ nodeworthy_finishedOn: on }) => on),
};

/** When its signer says that it was stated; undefined for what says nothing of the kind. */
export function statedOn(kind: PredicateKind, predicate: Readonly<Record<string, unknown>>): string | undefined {
  return shapes[kind]?.safeParse(predicate).data;
}

/** Whether a time has not come yet, however clocks differ. */
export function isAhead(time: string, now: Date): boolean {
  return Date.parse(time) > now.getTime() + clockAllowanceMs;
}
