/** Moving tags by what they follow. */
export const aliasKinds = ['minor', 'major', 'codename', 'lts-codename', 'lts', 'current', 'latest'] as const;

export type AliasKind = (typeof aliasKinds)[number];
