import { allow, defineGate, deny, missing, RequiredConfig, statementsOf } from '../gate.ts';

export const signatureGate = defineGate({
  name: 'signature',
  summary: 'Index and platforms are signed by a key that is trusted for it',
  reason: 'Clusters check one signature before they look at anything else.',
  Config: RequiredConfig,
  evaluate: ({ evidence, platforms }) =>
    [
      { name: 'index', evidence },
      ...platforms.map(({ platform, evidence: own }) => ({ name: platform, evidence: own })),
    ].map(({ name, evidence: found }) => {
      const [signature] = statementsOf(found, 'signature');
      return signature
        ? allow(`${name}: signed by ${signature.signer.name}`, [signature])
        : deny(
            `${name}: ${missing('signature by a trusted key', 'signature', found)}`,
            'sign with a key that the trust policy lists, with `nodeworthy run`',
          );
    }),
});
