import { isLts, lineOfRelease, phaseOf, type ReleaseLine } from '../catalog/release-lines.ts';

/**
 * What people may expect of an image. `certified`: a line in its LTS time on a released system. `maintained`: a line
 * that its makers maintain and that is no LTS. `archived`: a line past its end, kept alive with fresh packages of the
 * system. `experimental`: a line or a system that is not released, or what the recipe says is one.
 */
export type SupportClass = 'certified' | 'maintained' | 'archived' | 'experimental';

export interface SupportContext {
  readonly experimental: boolean;
  readonly now: Date;
  readonly lines: readonly ReleaseLine[];
}

export function supportClassOf(release: string, { experimental, now, lines }: SupportContext): SupportClass {
  const line = lineOfRelease(release, lines);
  if (!line || phaseOf(line, now) === 'end-of-life') return 'archived';
  if (experimental || phaseOf(line, now) === 'pending') return 'experimental';
  return isLts(line, now) ? 'certified' : 'maintained';
}
