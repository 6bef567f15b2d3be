import { z } from 'zod';
import { ReproductionSchema } from '../../formats/attestation/predicate-shapes.ts';
import { allow, commonConfig, defineGate, deny, missing, readPredicate } from '../gate.ts';

export const reproducedGate = defineGate({
  name: 'reproduced',
  summary: 'A second build from the stored inputs gave the same digest',
  reason: 'What two builds agree on was not put there by one of them.',
  Config: z.strictObject({
    ...commonConfig,
    byOther: z.boolean().default(false).describe('The second build must be signed by another key than the first'),
  }),
  evaluate({ evidence, image }, { byOther }) {
    const fix = 'rebuild with `nodeworthy verify --rebuild --sign`';
    const about = evidence.statements.filter(({ kind }) => kind === 'reproduction');
    const failed = about.find(({ isFailure }) => isFailure);
    if (failed)
      return [
        deny('a second build gave other bytes', 'find the difference with `nodeworthy verify --rebuild`', [failed]),
      ];
    const builder = evidence.statements.find(({ kind }) => kind === 'provenance')?.signer.name;
    const good = about.find(
      (statement) =>
        readPredicate(statement, ReproductionSchema)?.digest === image.index &&
        (!byOther || statement.signer.name !== builder),
    );
    return good
      ? [allow(`a second build, signed by ${good.signer.name}, gave the same digest`, [good])]
      : [deny(missing(byOther ? 'second build by somebody else' : 'second build', 'reproduction', evidence), fix)];
  },
});
