import type { SupportClass } from './support-class.ts';

/** Release × base × variant: the unit that is built, tested, judged and published on its own. */
export interface Cell {
  /** `24.21.0-trixie-runtime` */
  readonly id: string;
  readonly release: string;
  readonly base: string;
  readonly variant: string;
  readonly platforms: readonly string[];
}

export interface PlannedCell extends Cell {
  /** Moving tags, most specific first; without the revision tag, which depends on what a target already has. */
  readonly aliases: readonly string[];
  readonly supportClass: SupportClass;
}

export function cellId(release: string, base: string, variant: string): string {
  return `${release}-${base}-${variant}`;
}
