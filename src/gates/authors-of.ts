import { ProvenanceSchema } from '../formats/attestation/predicate-shapes.ts';
import { readPredicate, statementsOf, type GateInput } from './gate.ts';

/**
 * Everybody who asked for the image or wrote what it is made of, by mail address in lower case: whoever has another name
 * for himself is still an author.
 */
export function authorsOf({ image, evidence, platforms }: Omit<GateInput, 'verdicts'>): string[] {
  const stated = [evidence, ...platforms.map((target) => target.evidence)].flatMap((found) =>
    statementsOf(found, 'provenance').flatMap(
      (statement) => readPredicate(statement, ProvenanceSchema)?.buildDefinition.internalParameters?.author ?? [],
    ),
  );
  return [...new Set([image.author, ...image.authors, ...stated].map((name) => name.toLowerCase()))].filter((name) =>
    name.includes('@'),
  );
}
