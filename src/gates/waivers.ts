import type { Finding } from '../formats/attestation/predicate-shapes.ts';
import type { Waiver } from './gate.ts';

/** Whether a waiver is about a finding: by its name, or by another name of the same vulnerability. */
export function covers(waiver: Waiver, finding: Finding): boolean {
  const isSame = waiver.vulnerability === finding.id || finding.aliases.includes(waiver.vulnerability);
  return isSame && (waiver.package === undefined || waiver.package === finding.name);
}
