import { capabilityTable, type Capability } from '../../catalog/capabilities.ts';
import type { HeapSizes } from '../../plan/image-settings.ts';

/** What an image lacks that others of its variant have, because its base, its hardening or its line says so. */
export type Trait =
  | 'no-shell'
  | 'no-package-manager'
  | 'no-init'
  | 'no-certificates'
  /** Node.js cannot be pointed at the authorities of the system, because of its release or of the base. */
  | 'no-system-store'
  /** Its recipe wants no hardening that takes them away, and its system comes with them. */
  | 'keeps-set-id'
  | 'keeps-capabilities'
  | 'keeps-world-writable'
  | 'foreign-base'
  /** The release line does not ship it. */
  | 'no-corepack'
  /** The build tools of its npm cannot use the Python of the system. */
  | 'no-native-builds'
  | 'end-of-life';

const traitReasons: Readonly<Record<Trait, string>> = {
  'no-shell': 'the image has no shell',
  'no-package-manager': 'hardening removed the package manager',
  'no-init': 'the base has no init',
  'no-certificates': 'the base has no bundle of authorities',
  'no-system-store': 'the base has no bundle of authorities that this release could read in place of its own',
  'keeps-set-id': 'the recipe keeps set-id bits: its hardening does not have the rule set-id',
  'keeps-capabilities': 'the recipe keeps file capabilities: its hardening does not have the rule file-capabilities',
  'keeps-world-writable':
    'the recipe keeps what everybody may write: its hardening does not have the rule world-writable',
  'foreign-base': 'the base is the decision of its makers',
  'no-corepack': 'the release does not ship corepack',
  'no-native-builds': 'node-gyp of its npm does not know the Python of this system',
  'end-of-life': 'its line has ended: what it carries itself is as old as the release',
};

/** Which images a check is about; without it, all. */
export interface Scope {
  readonly variants?: readonly string[];
  readonly unless?: readonly Trait[];
  /** What a release must be able to do; of a list within the list, one is enough. */
  readonly needs?: readonly (Capability | readonly Capability[])[];
  /** Why it cannot hold with what the recipe itself says; undefined when it can. */
  readonly obstacle?: (cell: JudgedCell) => string | undefined;
}

/** Whether a check is meant for the variant at all: one that is not does not appear. */
export function isMeantFor({ variants }: Scope, { variant }: { readonly variant: string }): boolean {
  // An image of a Dockerfile has its own checks, and none of ours by default.
  return variants === undefined ? variant !== 'image' : variants.includes(variant);
}

interface JudgedCell {
  readonly release: string;
  readonly capabilities: ReadonlySet<Capability>;
  readonly traits: readonly Trait[];
  readonly heap: HeapSizes;
}

/** Why a check of this variant does not apply to an image; undefined when it does. */
export function whyNot({ unless = [], needs = [], obstacle }: Scope, cell: JudgedCell): string | undefined {
  const missing = needs.find((need) => ![need].flat().some((name) => cell.capabilities.has(name as Capability)));
  if (missing !== undefined) {
    const what = [missing].flat().map((name) => `${capabilityTable[name as Capability].what} (${name})`);
    return `Node.js ${cell.release} does not have ${what.join(' or ')}`;
  }
  const trait = unless.find((name) => cell.traits.includes(name));
  return trait ? traitReasons[trait] : obstacle?.(cell);
}
