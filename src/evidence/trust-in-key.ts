import { basename } from 'node:path';
import { digestOf } from '../core/digest.ts';
import { keyHint } from '../formats/attestation/bundle.ts';
import { readPublicKey } from '../signers/signer.ts';
import type { TrustPolicy } from '../trust/trust-policy.ts';

/** The trust of a single key, for whoever has nothing but that: it may state everything but approvals. */
export function trustInKey(pem: string, path: string): TrustPolicy {
  const key = readPublicKey(pem, path);
  const hint = keyHint(key);
  return {
    signers: [
      {
        name: basename(path),
        identity: { kind: 'key', key, hint },
        states: ['evidence', 'certificates', 'revocations', 'vex', 'failures'],
        roles: [],
      },
    ],
    digest: digestOf(hint),
  };
}
