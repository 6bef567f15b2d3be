import { Failure } from '../../core/errors.ts';
import type { VersionRelation } from './version.ts';

export interface PackageRelation {
  readonly name: string;
  readonly relation?: VersionRelation;
  readonly version?: string;
}

/** Each inner list is a choice (`a | b`); all of the outer list must hold. */
export type Dependencies = readonly (readonly PackageRelation[])[];

const pattern = /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?(?:\s*\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?$/;

/** Reads `Depends`, `Pre-Depends` or `Provides` of a binary package (Debian policy, 7.1). */
export function parseRelations(text: string | undefined, owner: string): Dependencies {
  if (!text) return [];
  return text
    .split(',')
    .map((group) => group.trim())
    .filter(Boolean)
    .map((group) => group.split('|').map((choice) => parseRelation(choice.trim(), owner)));
}

function parseRelation(text: string, owner: string): PackageRelation {
  const match = pattern.exec(text);
  if (!match?.[1]) throw new Failure('SOURCE_INVALID', `${owner}: cannot read the dependency ${JSON.stringify(text)}`);
  if (match[2] === undefined) return { name: match[1] };
  return { name: match[1], relation: match[2] as VersionRelation, version: match[3] };
}
