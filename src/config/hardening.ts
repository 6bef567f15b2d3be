/** Rules of hardening: what each takes away or sets right. Pure data; the transforms and their checks are in assembly. */
export const hardeningRules = {
  'set-id': 'no program runs as another user: set-user-id and set-group-id bits are taken away',
  'file-capabilities': 'no file grants a capability',
  'world-writable': 'nothing can be written by everybody, but sticky folders for temporary files',
  ownership: 'programs, libraries and settings belong to root, and no group may write them',
  'login-shells': 'no account has a login shell',
  logs: 'no log, history or backup of an account file',
  'read-only-root':
    'the folders that a read-only root needs are there, and those for temporary files are for everybody',
  'account-programs': 'no su, passwd and what else changes users; in build they stay',
  'unneeded-packages':
    'packages that only an installed machine needs are taken out, in the package database too; in build they stay',
  'package-managers': 'no apt and dpkg, the package database stays for scanners; in build they stay',
  shells: 'no shell; in build they stay, npm scripts need one',
  'npm-scripts': 'npm runs no install scripts unless told to; in build they run',
} as const;

export type HardeningRuleName = keyof typeof hardeningRules;

export const hardeningRuleNames = Object.keys(hardeningRules) as HardeningRuleName[];

/** Rules of each profile. */
export const hardeningProfiles = {
  none: [],
  standard: ['set-id', 'file-capabilities', 'world-writable', 'ownership', 'login-shells', 'logs', 'read-only-root'],
  strict: hardeningRuleNames,
} as const satisfies Record<string, readonly HardeningRuleName[]>;

/** Rules that would make a build image useless. */
const notInBuild: readonly HardeningRuleName[] = [
  'account-programs',
  'unneeded-packages',
  'package-managers',
  'shells',
  'npm-scripts',
];

/** Rules that an image of a variant carries, in the order of the table. */
export function rulesFor(
  chosen: keyof typeof hardeningProfiles | readonly HardeningRuleName[],
  variant: string,
): HardeningRuleName[] {
  const wanted = new Set<HardeningRuleName>(
    typeof chosen === 'string' ? hardeningProfiles[chosen] : (chosen as readonly HardeningRuleName[]),
  );
  return hardeningRuleNames.filter((name) => wanted.has(name) && !(variant === 'build' && notInBuild.includes(name)));
}
