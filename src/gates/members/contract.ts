import { allow, defineGate, deny, missing, PlainConfig, statementsOf } from '../gate.ts';

export const contractGate = defineGate({
  name: 'contract',
  summary: 'Each platform has a statement of what its users may rely on',
  reason: 'Whoever swaps an image under an application has to know what stays the same.',
  Config: PlainConfig,
  evaluate: ({ platforms }) =>
    platforms.map(({ platform, evidence }) => {
      const [statement] = statementsOf(evidence, 'contract');
      return statement
        ? allow(`${platform}: has a contract`, [statement])
        : deny(
            `${platform}: ${missing('contract', 'contract', evidence)}`,
            'attach a contract, or leave this gate out',
          );
    }),
});
