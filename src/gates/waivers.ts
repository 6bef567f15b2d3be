import type { Finding } from '../formats/attestation/predicate-shapes.ts';
import type { Waiver } from './gate.ts';

/** Whether a waiver is about a finding: by its name, or by another name of the same vulnerability. */
export function covers(waiver: Waiver, finding: Finding): boolean {
  if (waiver.line !== undefined) return finding.id === endOfLineFinding(waiver.line);
  const isSame = waiver.vulnerability === finding.id || finding.aliases.some((name) => name === waiver.vulnerability);
  return isSame && (waiver.package === undefined || waiver.package === finding.name);
}

/** Name of the finding that a line of Node.js has ended. */
export function endOfLineFinding(line: string): string {
  return `NODE-END-OF-LIFE-${line}`;
}

/** Whether a waiver still stands; its last day is a whole one. */
export function stands({ until }: Waiver, now: Date): boolean {
  return now.toISOString().slice(0, 10) <= until;
}

/** What is waived, for people. */
export function waivedName({ vulnerability, line, package: name }: Waiver): string {
  return line === undefined ? `${vulnerability}${name === undefined ? '' : ` in ${name}`}` : `end of Node.js ${line}`;
}
