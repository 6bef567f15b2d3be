import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { hexOf, type Digest } from '../../core/digest.ts';
import { predicateTypes, type PredicateKind } from './predicates.ts';

const DigestSet = z.record(z.string(), z.string());

/** in-toto Statement v1. Strict: a field that the specification does not know is refused, as verifiers do. */
export const StatementSchema = z.strictObject({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z.array(z.strictObject({ name: z.string().optional(), digest: DigestSet })).min(1),
  predicateType: z.string(),
  predicate: z.record(z.string(), z.unknown()),
});

export type Statement = z.infer<typeof StatementSchema>;

export interface StatementInput {
  readonly kind: PredicateKind;
  /** Repository or cell, for people; verifiers go by the digest. */
  readonly name: string;
  readonly subject: Digest;
  readonly predicate: object;
}

/** The bytes that are signed: canonical, so that equal statements are equal bytes. */
export function statementBytes({ kind, name, subject, predicate }: StatementInput): Buffer {
  return Buffer.from(
    canonicalJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name, digest: { sha256: hexOf(subject) } }],
      predicateType: predicateTypes[kind],
      predicate,
    }),
  );
}
