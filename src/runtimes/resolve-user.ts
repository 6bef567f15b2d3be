import { Failure } from '../core/errors.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Further groups of a user that passwd knows. */
  readonly additionalGids?: readonly number[];
  readonly home: string;
}

/** Texts of the image's `/etc/passwd` and `/etc/group`; empty where it has none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/**
 * What `User` of an image config means (image spec, "config"): `uid`, `uid:gid`, `name` or `name:group`. A number that
 * passwd does not know has group 0 and the home `/`, as engines do it.
 * @throws Failure USAGE for a name that the image does not know
 */
export function resolveUser(spec: string, accounts: Accounts): ResolvedUser {
  const [userPart, groupPart] = spec.split(':');
  const user = userPart || '0';
  const entry = rows(accounts.passwd).find((fields) => fields[0] === user || fields[2] === user);
  const uid = /^\d+$/.test(user) ? Number(user) : Number(entry?.[2] ?? Number.NaN);
  const gid = groupPart ? groupId(groupPart, accounts.group) : Number(entry?.[3] ?? 0);
  if (Number.isNaN(uid) || Number.isNaN(gid)) {
    throw new Failure('USAGE', `the image has no user ${JSON.stringify(spec)}`, {
      hint: 'use a numeric user and group',
    });
  }
  const further = groupPart
    ? []
    : rows(accounts.group)
        .filter((fields) => entry?.[0] !== undefined && (fields[3] ?? '').split(',').includes(entry[0]))
        .map((fields) => Number(fields[2]))
        .filter((id) => id !== gid);
  return { uid, gid, ...(further.length > 0 ? { additionalGids: further } : {}), home: entry?.[5] ?? '/' };
}

function groupId(group: string, text: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  return Number(rows(text).find((fields) => fields[0] === group)?.[2] ?? Number.NaN);
}

function rows(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}
