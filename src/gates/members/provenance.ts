import { hexOf } from '../../core/digest.ts';
import { z } from 'zod';
import { ProvenanceSchema } from '../../formats/attestation/predicate-shapes.ts';
import {
  allow,
  defineGate,
  deny,
  missing,
  readPredicate,
  statementsOf,
  type Answer,
  type EvidenceOf,
  type GateInput,
} from '../gate.ts';

export const provenanceGate = defineGate({
  name: 'provenance',
  summary: 'Index and platforms say who built them and from what, and name each input of the lock',
  reason: 'An image that cannot say where it comes from cannot be made again, and cannot be trusted.',
  Config: z.strictObject({
    builders: z
      .array(z.string())
      .optional()
      .describe('Builders that are trusted; without it, those of the trust policy'),
  }),
  evaluate(input, { builders }) {
    const targets = [
      { name: 'index', evidence: input.evidence },
      ...input.platforms.map(({ platform, evidence }) => ({ name: platform, evidence })),
    ];
    return targets.map(({ name, evidence }) => judge(name, evidence, { input, builders }));
  },
});

function judge(
  name: string,
  evidence: EvidenceOf,
  { input, builders }: { readonly input: GateInput; readonly builders?: readonly string[] | undefined },
): Answer {
  const fix = 'run `nodeworthy run` again on the builder that is trusted';
  const statements = statementsOf(evidence, 'provenance');
  if (statements.length === 0) return deny(`${name}: ${missing('provenance', 'provenance', evidence)}`, fix);
  const reasons: string[] = [];
  for (const statement of statements) {
    const provenance = readPredicate(statement, ProvenanceSchema);
    if (!provenance) {
      reasons.push('it is not as SLSA says');
      continue;
    }
    const { id } = provenance.runDetails.builder;
    if (builders && !builders.includes(id)) {
      reasons.push(`the builder ${id} is not trusted here`);
      continue;
    }
    const named = new Set(provenance.buildDefinition.resolvedDependencies.map(({ digest }) => digest.sha256));
    const absent = input.image.inputs.filter((digest) => !named.has(hexOf(digest)));
    if (absent.length === 0)
      return allow(`${name}: built by ${id} from ${named.size} inputs, all of the lock`, [statement]);
    reasons.push(`it does not name ${absent.length} of ${input.image.inputs.length} inputs, like ${absent[0]}`);
  }
  return deny(`${name}: the provenance is not complete: ${reasons.join('; ')}`, fix, statements);
}
