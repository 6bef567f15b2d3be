import { z } from 'zod';
import { ConfigurationSchema } from '../../formats/attestation/predicate-shapes.ts';
import { allow, defineGate, deny, missing, readPredicate, statementsOf } from '../gate.ts';

export const hardeningGate = defineGate({
  name: 'hardening',
  summary: 'Each platform carries the rules of hardening that the recipe asks for, and those that are named here',
  reason: 'A profile that was switched off for one image is found here, and not by an attacker.',
  Config: z.strictObject({
    rules: z.array(z.string()).default([]).describe('Rules that must be there, besides those of the recipe'),
  }),
  evaluate: ({ platforms, image }, { rules }) =>
    platforms.map(({ platform, evidence }) => {
      const fix = 'set hardening in the recipe, and build again';
      const statement = statementsOf(evidence, 'configuration').at(-1);
      if (!statement)
        return deny(`${platform}: ${missing('statement of its configuration', 'configuration', evidence)}`, fix);
      const configuration = readPredicate(statement, ConfigurationSchema);
      const wanted = [...new Set([...image.hardening, ...rules])];
      const absent = wanted.filter((rule) => !configuration?.hardening.includes(rule));
      return absent.length === 0
        ? allow(`${platform}: ${wanted.length} rules of hardening`, [statement])
        : deny(`${platform}: lacks the hardening ${absent.join(', ')}`, fix, [statement]);
    }),
});
